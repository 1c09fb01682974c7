"""`robot-mbrl bench stops`: every way to fail, does it stop, for the right reason, how soon?

Then nominal operation, by the hour: how often does it stop without cause? All on the in-process
mock, byte for byte through the driver, on its lockstep clock.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hardware import make_device
from hardware.mock.lockstep import LockstepClock, LockstepPort
from hardware.protocols import make_driver
from launch.bench.stop_cases import CASES, StopCase
from launch.verb import Outcome, Verb
from robot_mbrl.contract import Observer, RobotSpec
from robot_mbrl.contract.description.reality import load_reality
from robot_mbrl.contract.observation.layout import ObservationLayout
from robot_mbrl.learning.scale.executor import Job, ProcessExecutor
from robot_mbrl.onboard import (
    Monitor,
    MonitorThresholds,
    OnnxController,
    SafeRobot,
    StopReason,
    load_controller,
    load_for_robot,
    run_episode,
)
from robot_mbrl.tasks import draw_goals, make_task


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Every way to fail on the mock: does it stop, why, how soon; and false stops."""

    controller: Path
    """controller.onnx with calibrated thresholds"""
    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    reality: str = "nominal"
    """reality of the mock"""
    repetitions: int = 8
    """episodes of each case"""
    nominal_hours: float = 1.0
    """hours of operation without any failure"""


@dataclass(frozen=True)
class Ended:
    """How one episode ended."""

    reason: StopReason
    message: str
    seconds: float
    latched: bool


def run_case(
    spec: RobotSpec, controller: OnnxController, case: StopCase | None, seed: int, reality: str
) -> Ended:
    """One episode from rest, with a failure or without."""
    machine = load_reality(reality, spec)
    machine = case.reality(machine, spec) if case else machine
    device = make_device(spec, machine, rng=np.random.default_rng(seed))
    port, clock = LockstepPort(device), LockstepClock(device)
    robot: Any = make_driver(spec, port)
    robot.connect()
    start = clock.now()
    acting: Any = controller
    if case:
        robot = case.robot(robot, port, lambda: clock.now() - start)
        acting = case.controller(controller, clock)
    thresholds = MonitorThresholds.from_json(controller.metadata.thresholds)
    monitor = Monitor(thresholds, tuple(j.name for j in spec.joints))
    obeyed = monitor if case is None or case.monitor else None
    safe = SafeRobot(robot, spec, clock)

    def asked() -> bool:
        return case is not None and case.operator and clock.now() - start >= case.at_s

    ticks = round(8.0 * spec.control.rate_hz)
    goals = draw_goals(make_task(spec), np.random.default_rng(seed), 1)
    goal = None if goals is None else goals[0]
    observer = Observer(ObservationLayout.from_spec(spec), goal=goal)
    report = run_episode(
        safe, clock, acting, observer, None, ticks, stop_requested=asked, monitor=obeyed
    )
    seconds = clock.now() - start
    # With the cable off nobody can stop the device: its own watchdog does.
    clock.wait_until(clock.now() + 1.25e-3 * spec.safety.watchdog_ms)
    latched = safe.reason is report.stop_reason and not device.board.powered.any()
    return Ended(report.stop_reason, report.message, seconds, latched)


def run(settings: Settings) -> Outcome:
    """Every case, then nominal hours."""
    spec, _ = _load(settings.controller, settings.robot, 0)
    rows = [measure_stop(settings, case) for case in CASES if case.fits(spec)]
    nominal = measure_nominal(settings)
    return Outcome({"cases": rows, "nominal": nominal})


def measure_stop(s: Settings, case: StopCase) -> dict[str, Any]:
    """One case over several episodes."""
    spec, controller = _load(s.controller, s.robot, 0)
    ends = [run_case(spec, controller, case, 100 + k, s.reality) for k in range(s.repetitions)]
    right = [e for e in ends if e.reason is case.expected and e.latched]
    delays = [1e3 * (e.seconds - case.at_s) for e in right]
    median = float(np.median(delays)) if delays else float("nan")
    others = sorted({e.reason.value for e in ends if e not in right})
    print(
        f"{case.name:<30} {len(right)} of {len(ends)} stopped by {case.expected.value}, "
        f"median {median:5.0f} ms" + (f"; others: {', '.join(others)}" if others else ""),
        flush=True,
    )
    return {
        "case": case.name,
        "expected": case.expected.value,
        "right": len(right),
        "of": len(ends),
        "median_ms": median,
        "others": others,
    }


def measure_nominal(s: Settings) -> dict[str, Any]:
    """Episodes without any failure, in two processes."""
    count = round(s.nominal_hours * 3600 / 8.0)
    counts = [count // 2 + (k < count % 2) for k in range(2)]
    jobs = [
        Job(
            f"nominal operation, part {k + 1}, {n} episodes",
            _nominal_part,
            (s.controller, s.robot, s.reality, k, n),
        )
        for k, n in enumerate(counts)
    ]
    stops = [stop for part in ProcessExecutor().map(jobs) for stop in part]
    hours = count * 8.0 / 3600
    print(f"nominal: {len(stops)} stops in {hours:.2f} h of operation", flush=True)
    for stop in stops:
        print(f"  {stop}")
    return {"hours": hours, "stops": stops}


def _nominal_part(path: Path, robot: str | None, reality: str, part: int, count: int) -> list[str]:
    spec, controller = _load(path, robot, part)
    ends = (
        run_case(spec, controller, None, 10_000 * (part + 1) + k, reality) for k in range(count)
    )
    return [f"{e.reason.value}: {e.message}" for e in ends if e.reason is not StopReason.FINISHED]


def _load(path: Path, robot: str | None, seed: int) -> tuple[RobotSpec, OnnxController]:
    spec, _ = load_for_robot(path, robot, seed=seed)
    return spec, load_controller(path, spec, seed=seed)
