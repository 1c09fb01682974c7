import time

import pytest

from hardware.mcu.driver import McuDriver
from hardware.mock.lockstep import LockstepClock, LockstepPort
from robot_mbrl.contract import Clock, RobotSpec
from robot_mbrl.contract.errors import LinkError
from tests.support.lockstep_rig import make_rig_device, make_rig_robot


def test_waiting_advances_the_device_and_nothing_sleeps(spec: RobotSpec) -> None:
    _, clock, device, _ = make_rig_robot(spec)
    assert isinstance(clock, Clock)
    start = time.monotonic()
    for tick in range(1, 501):
        assert clock.wait_until(tick * 0.02) == 0.0
    assert device.board.time_s == clock.now() == pytest.approx(10.0)
    assert time.monotonic() - start < 10.0


def test_the_past_is_late(spec: RobotSpec) -> None:
    clock = make_rig_robot(spec)[1]
    clock.wait_until(1.0)
    assert clock.wait_until(0.75) == pytest.approx(0.25)
    assert clock.now() == pytest.approx(1.0)


def test_a_round_trip_takes_no_simulated_time(spec: RobotSpec) -> None:
    robot, clock, _, _ = make_rig_robot(spec)
    robot.connect()
    clock.wait_until(0.5)
    for _ in range(10):
        robot.read()
    assert clock.now() == 0.5


def test_the_device_outlives_its_client(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    first = McuDriver(spec, LockstepPort(device))
    first.connect()
    first.arm()
    first.close()
    LockstepClock(device).wait_until(3.0)
    second = McuDriver(spec, LockstepPort(device))
    second.connect()
    assert second.read().device_time_s == pytest.approx(3.0)
    with pytest.raises(LinkError, match="closed"):
        first.read()
