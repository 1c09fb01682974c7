"""A joint that slides, on the wire and under the supervisor: counts a metre, N and m, limits."""

from pathlib import Path

import numpy as np
import pytest

from hardware import make_device, open_connection
from hardware.identity import Identity, check_identity
from hardware.mcu.frames import Frame
from hardware.mcu.messages import IdentityMessage
from robot_mbrl.contract import Command, RobotSpec, load_robot
from robot_mbrl.contract.errors import ContractMismatchError, LimitExceeded
from robot_mbrl.onboard import SafeRobot, go_home
from robot_mbrl.onboard.home import not_at_rest
from robot_mbrl.onboard.supervisor.limits import cut_outward
from tests.support.onboard_fakes import FakeRobot, LockstepClock
from tests.support.robots import write_robot
from tests.support.sliders import MOTORS, block_urdf, one_slider, slider_toml


@pytest.fixture
def cart_pole() -> RobotSpec:
    return load_robot("cart_pole")


@pytest.mark.parametrize(("unit", "code"), [("N", 6), ("m_s", 7), ("m", 8)])
def test_units_of_sliders_have_codes_of_their_own(unit: str, code: int) -> None:
    identity = Identity("block", "1", "A", (20_000,), (unit,), (0.5,))
    frame = IdentityMessage(identity, 80).pack(1)
    assert frame.payload[-5] == code
    assert IdentityMessage.unpack(Frame(frame.type, 1, frame.payload)).identity == identity


def test_a_device_with_other_counts_or_units_is_refused(tmp_path: Path) -> None:
    spec = one_slider(tmp_path)
    for other, message in (
        (Identity("block", "1", "A", (7,), ("N",), (5.0,)), "or per metre of a slider: .*the devi"),
        (Identity("block", "1", "A", (2**30,), ("Nm",), (5.0,)), "command units: .*'N'.*'Nm'"),
    ):
        with pytest.raises(ContractMismatchError, match=message):
            check_identity(spec, other)


@pytest.mark.parametrize("command", MOTORS)
def test_the_mock_moves_a_slider_by_every_kind_of_command(command: str, tmp_path: Path) -> None:
    """Position (m), velocity (m/s), force (N), voltage and current arrive; the place comes back."""
    toml = slider_toml(command)
    toml["joint"][0]["encoder_counts_per_m"] = 10_000
    spec = load_robot(write_robot(tmp_path, toml, block_urdf()))
    connection = open_connection(spec, "mock")
    robot, asked = connection.robot, 0.5 * spec.actuators[0].limit
    robot.arm()
    for _ in range(25):
        assert robot.send(Command(np.array([asked]))).value == pytest.approx([asked])
        connection.clock.wait_until(connection.clock.now() + spec.control.dt)
    [place] = robot.read().q_rad
    assert connection.device is not None
    [true] = connection.device.board.plant.positions()
    assert 0.02 < true < 5
    assert place == pytest.approx(true, abs=1.5e-4)
    assert place * 10_000 == pytest.approx(round(place * 10_000), abs=1e-6)
    robot.close()


def test_play_and_offset_of_a_rail_stand_before_the_encoder(tmp_path: Path) -> None:
    reality = tmp_path / "worn.toml"
    reality.write_text("[effects.joints.cart]\nencoder_offset_m = 0.02\nbacklash_m = 0.001\n")
    device = make_device(load_robot("cart_pole"), reality)
    device.board.advance_to(0.1)
    assert device.board.counts()[0] == pytest.approx(-0.02 * 43956, abs=3)


def test_limits_are_said_in_metres(cart_pole: RobotSpec) -> None:
    clock = LockstepClock()
    for places, message in (
        ([0.4], r"joint 'cart' is at 0.400 m, limits -0.39 to 0.39"),
        ([0.0, 0.2], r"joint 'cart' moved 0.200 m in 20.0 ms, 10.0 m/s, limit 3"),
    ):
        robot = FakeRobot(cart_pole, clock)
        safe = SafeRobot(robot, cart_pole, clock)
        with pytest.raises(LimitExceeded, match=message):
            for k, place in enumerate(places):
                robot.q = np.array([place, 0.0])
                if k == 0:
                    safe.arm()
                clock.advance(cart_pole.control.dt)
                safe.read()


def test_the_soft_limit_of_the_cart_is_its_own(cart_pole: RobotSpec, tmp_path: Path) -> None:
    inside, outside = np.array([0.35, 9.0]), np.array([0.365, 9.0])
    assert cut_outward(cart_pole, inside, np.array([1.0])) == [1.0]
    assert cut_outward(cart_pole, outside, np.array([1.0])) == [0.0]
    assert cut_outward(cart_pole, outside, np.array([-1.0])) == [-1.0]


def test_what_is_not_at_rest_is_said_in_its_unit(cart_pole: RobotSpec) -> None:
    words = not_at_rest(np.array([0.05, 0.2]), np.array([0.01, 0.5]), cart_pole)
    assert words == ["joint 'cart' at 0.050 m, 0.01 m/s", "joint 'pole' at 0.200 rad, 0.50 rad/s"]


def test_the_mock_cart_comes_home(cart_pole: RobotSpec, tmp_path: Path) -> None:
    reality = tmp_path / "aside.toml"
    reality.write_text(
        "[parameters.initial.cart]\nposition_m = 0.25\n"
        "[parameters.initial.pole]\nposition_rad = 0.8\n"
    )
    connection = open_connection(cart_pole, f"mock:{reality}")
    with SafeRobot(connection.robot, cart_pole, connection.clock) as safe:
        assert go_home(safe, connection.clock, cart_pole) < 30
    assert connection.device is not None
    place, angle = connection.device.board.plant.positions()
    assert abs(place) < 0.03 and abs(angle) < 0.1
