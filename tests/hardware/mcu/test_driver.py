import math
from dataclasses import replace

import numpy as np
import pytest

from hardware.driver import ATTEMPTS
from hardware.mcu.driver import McuDriver
from hardware.mock.lockstep import LockstepPort
from robot_mbrl.contract import Command, RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import check_calibration
from robot_mbrl.contract.errors import (
    ContractMismatchError,
    DeviceFault,
    LinkTimeout,
    RobotMbrlError,
)
from robot_mbrl.contract.interface import Fault, describe_faults
from tests.support.lockstep_rig import make_rig_device, make_rig_robot, quiet


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


def test_the_sequence_number_wraps(spec: RobotSpec) -> None:
    robot = make_rig_robot(spec)[0]
    robot.connect()
    robot._sequence = 0xFFFE
    for _ in range(4):
        robot.read()
    assert robot._sequence == 2


def test_stop_gives_up_within_its_budget(spec: RobotSpec, caplog: pytest.LogCaptureFixture) -> None:
    robot, clock, device, _ = make_rig_robot(spec)
    robot.connect()
    robot.arm()
    device.board.plan.drop_replies = 1000
    start = clock.now()
    robot.stop()
    assert clock.now() - start == pytest.approx(ATTEMPTS * spec.link.reply_timeout_ms * 1e-3)
    assert "watchdog stops it within 80 ms" in caplog.text


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


def test_a_stop_unheard_before_anything_was_enabled_says_so(
    spec: RobotSpec, caplog: pytest.LogCaptureFixture
) -> None:
    robot, _, device, _ = make_rig_robot(spec)
    robot.connect()
    device.board.plan.drop_replies = 1000
    robot.stop()
    assert "was off and has not been enabled since" in caplog.text
    assert robot.confirmed_off


def test_a_stop_unheard_after_an_enable_unheard_promises_nothing(
    spec: RobotSpec, caplog: pytest.LogCaptureFixture
) -> None:
    robot, _, device, _ = make_rig_robot(spec)
    robot.connect()
    device.board.plan.drop_replies = 1000
    with pytest.raises(LinkTimeout):
        robot.arm()
    robot.stop()
    assert "no watchdog either: switch the power off" in caplog.text
    assert not robot.confirmed_off and robot.watchdog_s == 0.0


def test_errors_are_ours(spec: RobotSpec) -> None:
    assert issubclass(DeviceFault, RobotMbrlError)
    assert describe_faults(0) == "healthy"
    assert describe_faults(Fault.WATCHDOG | Fault.NOT_ENABLED) == "watchdog, not enabled"


def test_a_pose_is_asked_for_in_the_angles_of_the_calibration() -> None:
    """A servo turns to where its own encoder shows what is asked: 0.25 rad less than the truth."""
    arm = load_robot("arm")
    joint = arm.actuators[0].joint
    raw = {"robot": "arm", "joint_offset_rad": {joint: 0.25}}
    calibrated = arm.with_calibration(check_calibration(raw, arm))
    robot, _, device, _ = make_rig_robot(calibrated, quiet(arm))
    robot.connect()
    robot.arm()
    pose = np.full(len(arm.actuators), 0.5)
    np.testing.assert_allclose(robot.send(Command(pose)).value, pose, atol=1e-6)
    np.testing.assert_allclose(device.board.command, [0.25, *pose[1:]], atol=1e-6)
    np.testing.assert_allclose(robot.read().applied, pose, atol=1e-6)
