"""A device whose clock is wrong: no false stop below the limit, and a stop above it."""

from dataclasses import replace

import numpy as np
import pytest

from hardware.mcu.device import McuDevice
from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec, load_robot
from robot_mbrl.contract.description.reality import Failure
from robot_mbrl.contract.interface import Clock
from robot_mbrl.data.tick import TickFlag
from robot_mbrl.onboard import SafeRobot, StopReason, run_episode
from robot_mbrl.onboard.loop_report import LoopReport
from tests.support.lockstep_rig import RAD_PER_S_PER_UNIT, make_rig_robot, quiet
from tests.support.onboard_fakes import FakeController

LIMIT_RAD_S = 8.0
ALLOWED, TOO_FAST = 0.95 * LIMIT_RAD_S, 1.05 * LIMIT_RAD_S
CLOCKS: dict[str, list[Failure]] = {
    "good": [],
    "jumps ahead": [Failure(0.5, {"clock_jump_s": 1.0})],
    "jumps ahead by a tick": [Failure(0.5, {"clock_jump_s": 0.02})],
    "jumps back": [Failure(0.5, {"clock_jump_s": -0.3})],
    "jumps back by half a tick": [Failure(0.5, {"clock_jump_s": -0.01})],
    "jumps to and fro": [
        Failure(0.3 + 0.1 * k, {"clock_jump_s": 0.7 * (-1) ** k}) for k in range(9)
    ],
    "half as fast": [Failure(0.0, {"clock_rate": 0.5})],
    "80 %": [Failure(0.0, {"clock_rate": 0.8})],
    "130 %": [Failure(0.0, {"clock_rate": 1.3})],
    "twice as fast": [Failure(0.0, {"clock_rate": 2.0})],
    "ten times as fast from 0.5 s on": [Failure(0.5, {"clock_rate": 10.0})],
    "slow from 0.5 s on": [Failure(0.5, {"clock_rate": 0.1})],
    "32 bits": [Failure(0.0, {"clock_jump_s": 2**32 * 1e-6 - 0.7, "clock_bits": 32})],
    "16 bits": [Failure(0.0, {"clock_bits": 16})],
}


@pytest.fixture
def spec() -> RobotSpec:
    """The arm turns freely, as fast as its limit by the clock of this test."""
    spec = load_robot("furuta")
    far = replace(spec.joints[0], position_limit_rad=(-1e3, 1e3), velocity_limit_rad_s=LIMIT_RAD_S)
    return replace(spec, joints=(far, spec.joints[1]))


class Accelerating(FakeController):
    """Turns the arm at ALLOWED rad/s, from `at_s` on at TOO_FAST."""

    def __init__(self, spec: RobotSpec, clock: Clock, at_s: float) -> None:
        super().__init__(spec)
        self.clock, self.at_s = clock, at_s
        self.full_rad_s = RAD_PER_S_PER_UNIT * spec.actuators[0].limit
        self.before = self.ask

    def ask(self, n: int) -> None:
        speed = TOO_FAST if self.clock.now() >= self.at_s - 1e-9 else ALLOWED
        self.action[:] = speed / self.full_rad_s


def drive(spec: RobotSpec, failures: list[Failure], too_fast_at_s: float) -> LoopReport:
    """1.2 s on the mock, with these faults of its clock."""
    robot, clock, device, _ = make_rig_robot(spec, quiet(spec, failures=tuple(failures)))
    assert isinstance(device, McuDevice)
    robot.connect()
    clock.wait_until(0.02)  # what fails from the beginning fails from now on
    observer = Observer(ObservationLayout.from_spec(spec))
    with SafeRobot(robot, spec, clock) as safe:
        controller = Accelerating(spec, clock, too_fast_at_s)
        return run_episode(safe, clock, controller, observer, None, 60)


@pytest.mark.parametrize("name", CLOCKS)
def test_a_wrong_clock_is_no_reason_to_stop(spec: RobotSpec, name: str) -> None:
    report = drive(spec, CLOCKS[name], too_fast_at_s=9.0)
    assert report.stop_reason is StopReason.FINISHED, report.message
    assert report.counts["coasted"] == 0
    assert (report.counts["clock"] > 0) == (name not in ("good", "32 bits"))


@pytest.mark.parametrize("at_s", [0.3, 0.5, 0.52])
@pytest.mark.parametrize("name", CLOCKS)
def test_a_wrong_clock_hides_no_overspeed(spec: RobotSpec, name: str, at_s: float) -> None:
    report = drive(spec, CLOCKS[name], too_fast_at_s=at_s)
    assert report.stop_reason is StopReason.LIMIT_VELOCITY, report.message
    assert 0 <= report.ticks - round(at_s / 0.02) <= 2


def test_a_clock_that_stands_still_is_no_new_sample(spec: RobotSpec) -> None:
    report = drive(spec, [Failure(0.5, {"clock_rate": 0.0})], too_fast_at_s=9.0)
    assert report.stop_reason is StopReason.STALE
    assert report.ticks == round(0.5 / 0.02) - 1 + spec.safety.coast_ticks


def test_velocities_are_those_of_the_true_time(spec: RobotSpec) -> None:
    """The controller sees the speed, not the speed divided by what the clock shows."""
    robot, clock, _, _ = make_rig_robot(
        spec, quiet(spec, failures=tuple(CLOCKS["twice as fast"] + CLOCKS["jumps back"]))
    )
    robot.connect()
    observer = Observer(ObservationLayout.from_spec(spec))
    controller = Accelerating(spec, clock, 9.0)
    with SafeRobot(robot, spec, clock) as safe:
        run_episode(safe, clock, controller, observer, None, 60)
        assert not safe.flags & TickFlag.STALE
    column = observer.layout.column("arm.velocity")
    seen = np.array([o[column] for o in controller.observations])
    assert seen[10:] == pytest.approx(np.full(50, ALLOWED), rel=0.03)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", CLOCKS)
def test_a_wrong_clock_on_a_bad_line_of_a_busy_host(spec: RobotSpec, name: str, seed: int) -> None:
    """5 % of the packets lost, a stall now and then: no false stop, and the true one is found."""
    lost = {"sensors.lost_share": 0.05, "actuators.motor.lost_share": 0.05}
    for too_fast_at_s, reason in [(9.0, StopReason.FINISHED), (0.8, StopReason.LIMIT_VELOCITY)]:
        robot, clock, _, _ = make_rig_robot(
            spec, quiet(spec, lost, failures=tuple(CLOCKS[name]), seed=seed)
        )
        robot.connect()
        clock.wait_until(0.02)
        controller, rng = Accelerating(spec, clock, too_fast_at_s), np.random.default_rng(seed)

        def ask(n: int, controller: Accelerating = controller, clock: Clock = clock) -> None:
            if n % 17 == 0:
                clock.wait_until(clock.now() + rng.uniform(0.01, 0.05))  # noqa: B023
            controller.ask(n)

        controller.before = ask
        observer = Observer(ObservationLayout.from_spec(spec))
        with SafeRobot(robot, spec, clock) as safe:
            report = run_episode(safe, clock, controller, observer, None, 60)
        assert report.stop_reason is reason, report.message
