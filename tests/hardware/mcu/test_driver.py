import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from hardware.driver import ATTEMPTS
from hardware.mcu.driver import McuDriver
from hardware.mock.lockstep import LockstepPort
from robot_mbrl.contract import Command, RobotSpec
from robot_mbrl.contract.description.calibration import check_calibration
from robot_mbrl.contract.errors import (
    ContractMismatchError,
    DeviceFault,
    LinkError,
    LinkTimeout,
    RobotMbrlError,
)
from robot_mbrl.contract.interface import Fault, describe_faults
from tests.conformance.robot import RobotConformance
from tests.support.lockstep_rig import make_rig_device, make_rig_robot, quiet


class TestLockstepConformance(RobotConformance):
    @pytest.fixture
    def robot(self, spec: RobotSpec) -> Iterator[McuDriver]:
        robot = make_rig_robot(spec)[0]
        robot.connect()
        robot.arm()
        yield robot
        robot.close()


def test_connect_leaves_the_drive_off(spec: RobotSpec) -> None:
    robot, _, device, _ = make_rig_robot(spec)
    identity = robot.connect()
    assert identity.robot == "furuta" and identity.serial == "MOCK-nominal"
    assert robot.send(Command(np.array([1.0]))).value == [0.0]
    assert device.board.faults == Fault.NOT_ENABLED | Fault.STOPPED


def test_counts_become_radians_with_the_calibrated_offset(spec: RobotSpec) -> None:
    raw = {"robot": "furuta", "joint_offset_rad": {"arm": 0.25, "pendulum": -0.5}}
    calibrated = spec.with_calibration(check_calibration(raw, spec))
    robot, clock, _, plant = make_rig_robot(calibrated, quiet(spec))
    robot.connect()
    plant.q[:] = 512 * 2 * math.pi / 2048, -3 * 2 * math.pi / 2048
    clock.wait_until(0.001)
    expected = [math.pi / 2 + 0.25, -0.00920388 - 0.5]
    np.testing.assert_allclose(robot.read().q_rad, expected, atol=1e-8)


@pytest.mark.parametrize(
    ("difference", "message"),
    [
        ("another name", "robot name.*cartpole"),
        ("finer encoder", "counts per revolution"),
        ("fewer joints", "counts per revolution"),
        ("current command", "units.*'A'"),
        ("weaker motor", "limits.*lower them"),
    ],
)
def test_another_machine_is_refused(spec: RobotSpec, difference: str, message: str) -> None:
    (arm, pendulum), (motor,) = spec.joints, spec.actuators
    changes = {
        "another name": {"name": "cartpole"},
        "finer encoder": {"joints": (arm, replace(pendulum, encoder_counts_per_rev=4096))},
        "fewer joints": {"joints": (arm,)},
        "current command": {"actuators": (replace(motor, command="current"),)},
        "weaker motor": {"actuators": (replace(motor, limit=4.9),)},
    }
    device, _ = make_rig_device(replace(spec, **changes[difference]), quiet(spec))
    with pytest.raises(ContractMismatchError, match=message):
        McuDriver(spec, LockstepPort(device)).connect()


def test_a_lost_reply_costs_exactly_the_deadline(spec: RobotSpec) -> None:
    robot, clock, device, _ = make_rig_robot(spec)
    robot.connect()
    device.board.plan.drop_replies = 1
    start = clock.now()
    with pytest.raises(LinkTimeout, match="no STATE within 4 ms"):
        robot.read()
    assert clock.now() - start == pytest.approx(spec.link.reply_timeout_ms * 1e-3)
    assert robot.statistics.lost == 1
    assert robot.read().fresh


def test_a_late_reply_is_never_taken_for_the_next(spec: RobotSpec) -> None:
    robot, clock, device, plant = make_rig_robot(spec)
    robot.connect()
    device.board.plan.reply_delay_ms = 6.0
    with pytest.raises(LinkTimeout):
        robot.read()
    device.board.plan.reply_delay_ms = 0.0
    plant.q[0] = 1.0
    clock.wait_until(clock.now() + 0.02)
    assert robot.read().q_rad[0] == pytest.approx(1.0, abs=2e-3)
    assert robot.statistics.late == 1


def test_a_corrupted_reply_is_counted_and_times_out(spec: RobotSpec) -> None:
    robot, _, device, _ = make_rig_robot(spec)
    robot.connect()
    device.board.plan.corrupt_replies = 1
    with pytest.raises(LinkTimeout):
        robot.read()
    robot.read()
    assert robot.statistics.frame_errors >= 1


def test_a_reply_within_the_deadline_is_waited_for(spec: RobotSpec) -> None:
    robot, _, device, _ = make_rig_robot(spec)
    robot.connect()
    device.board.plan.reply_delay_ms = 3.0
    robot.read()
    assert robot.statistics.lost == 0
    assert robot.statistics.round_trip_last_s == pytest.approx(0.003)


def test_the_sequence_number_wraps(spec: RobotSpec) -> None:
    robot = make_rig_robot(spec)[0]
    robot.connect()
    robot._sequence = 0xFFFE
    for _ in range(4):
        robot.read()
    assert robot._sequence == 2


@pytest.mark.parametrize("lost", [1, ATTEMPTS - 1])
def test_stop_is_repeated_until_acknowledged(spec: RobotSpec, lost: int) -> None:
    robot, _, device, _ = make_rig_robot(spec)
    robot.connect()
    robot.arm()
    device.board.plan.drop_replies = lost
    robot.stop()
    assert robot.statistics.lost == lost
    assert Fault.STOPPED in device.board.faults


def test_stop_gives_up_within_its_budget(spec: RobotSpec, caplog: pytest.LogCaptureFixture) -> None:
    robot, clock, device, _ = make_rig_robot(spec)
    robot.connect()
    device.board.plan.drop_replies = 1000
    start = clock.now()
    robot.stop()
    assert clock.now() - start == pytest.approx(ATTEMPTS * spec.link.reply_timeout_ms * 1e-3)
    assert "watchdog stops it within 80 ms" in caplog.text


def test_arm_names_the_latched_fault_and_needs_clearing(spec: RobotSpec) -> None:
    robot, clock, _, _ = make_rig_robot(spec)
    robot.connect()
    robot.arm()
    clock.wait_until(clock.now() + 0.2)
    with pytest.raises(DeviceFault, match=r"watchdog.*clear_faults"):
        robot.arm()
    robot.clear_faults()
    robot.arm()
    assert robot.read().faults == 0


def test_unplugged_is_a_link_error_and_stop_still_does_not_raise(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    port = LockstepPort(device)
    robot = McuDriver(spec, port)
    robot.connect()
    port.unplug()
    with pytest.raises(LinkError, match="unplugged"):
        robot.read()
    robot.stop()
    robot.close()


class _Line:
    """A port where nobody, or a stranger, is on the other side."""

    def __init__(self, answer: bytes = b"") -> None:
        self._answer, self._time = answer, 0.0

    def now(self) -> float:
        return self._time

    def write(self, data: bytes) -> None: ...

    def read(self, deadline_s: float) -> bytes:
        self._time = deadline_s
        return self._answer

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(b"", "nothing came at all.*right port"), (b"ok\r\n\x00", "not understood.*baudrate")],
)
def test_nobody_we_know_answers(spec: RobotSpec, answer: bytes, hint: str) -> None:
    line = _Line(answer)
    with pytest.raises(LinkTimeout, match=f"no answer to HELLO within 2 s; .*{hint}"):
        McuDriver(spec, line).connect()
    assert line.now() == pytest.approx(2.0, abs=0.1)


def test_errors_are_ours(spec: RobotSpec) -> None:
    assert issubclass(DeviceFault, RobotMbrlError)
    assert describe_faults(0) == "healthy"
    assert describe_faults(Fault.WATCHDOG | Fault.NOT_ENABLED) == "watchdog, not enabled"
