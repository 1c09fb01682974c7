"""`robot-mbrl bench stops`: every way to fail, does it stop, for the right reason, how soon?

Then nominal operation, by the hour: how often does it stop without cause? All on the in-process
mock, byte for byte through the driver, on its lockstep clock.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hardware import Driver, make_device
from hardware.mock.lockstep import LockstepClock, LockstepPort
from hardware.protocols import make_driver
from launch.verb import Outcome, Verb
from robot_mbrl.contract import Command, Observer, RobotSpec, RobotState
from robot_mbrl.contract.description.reality import Change, Payload, Reality, load_reality
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
from robot_mbrl.onboard.controller.output import ControllerOutput


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
class Case:
    """One way to fail.

    Attributes:
        name: for the table.
        at_s: when it begins.
        expected: the reason that must be latched.
        reality: changes the machine.
        robot: wraps the driver: (robot, port, now) -> robot.
        controller: wraps the controller: (controller, clock) -> controller.
        operator: the operator asks to stop at `at_s`.
        monitor: the model's alarms are obeyed. A robot that no longer does what was planned is
            noticed by them as well, sometimes first; what else must hold is tried without them.
    """

    name: str
    at_s: float
    expected: StopReason
    reality: Callable[[Reality, RobotSpec], Reality] = lambda reality, spec: reality
    robot: Callable[[Any, LockstepPort, Callable[[], float]], Any] = lambda robot, port, now: robot
    controller: Callable[[Any, LockstepClock], Any] = lambda controller, clock: controller
    operator: bool = False
    monitor: bool = True


class Wrapped:
    """A driver with one method replaced."""

    def __init__(self, robot: Driver, read: Callable[[], RobotState]) -> None:
        self._robot = robot
        self._read = read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._robot, name)

    def read(self) -> RobotState:
        """The replaced one."""
        return self._read()

    def send(self, command: Command) -> Command:
        """The driver's own."""
        return self._robot.send(command)

    def stop(self) -> None:
        """The driver's own."""
        self._robot.stop()

    def close(self) -> None:
        """The driver's own."""
        self._robot.close()


class Acting:
    """A controller whose output is changed on the way."""

    def __init__(
        self, controller: Any, change: Callable[[ControllerOutput], ControllerOutput]
    ) -> None:
        self._controller = controller
        self._change = change

    def reset(self) -> None:
        """Start an episode."""
        self._controller.reset()

    def act(self, observation: np.ndarray) -> ControllerOutput:
        """The changed output."""
        return self._change(self._controller.act(observation))


def payload(share: float, at_s: float) -> Callable[[Reality, RobotSpec], Reality]:
    """A point mass of `share` of the pendulum's, at its end."""

    def change(reality: Reality, spec: RobotSpec) -> Reality:
        import sim  # only this case needs the model

        link = spec.links[-1]
        mass = share * float(sim.mujoco_model(spec).body(link).mass[0])
        return dataclasses.replace(reality, payloads=(Payload(at_s, link, mass),))

    return change


def gain(scale: float, at_s: float) -> Callable[[Reality, RobotSpec], Reality]:
    """The motor's torque constant times `scale`."""

    def change(reality: Reality, spec: RobotSpec) -> Reality:
        path = f"actuators.{spec.actuators[0].name}.torque_constant"
        return dataclasses.replace(reality, changes=(Change(at_s, path, scale),))

    return change


def poisoned(at_s: float) -> Callable[..., Any]:
    """Positions turn into NaN."""

    def wrap(robot: Driver, port: LockstepPort, now: Callable[[], float]) -> Wrapped:
        def read() -> RobotState:
            state = robot.read()
            bad = np.full_like(state.q_rad, np.nan)
            return dataclasses.replace(state, q_rad=bad) if now() >= at_s else state

        return Wrapped(robot, read)

    return wrap


def unplugged(at_s: float) -> Callable[..., Any]:
    """The cable comes off."""

    def wrap(robot: Driver, port: LockstepPort, now: Callable[[], float]) -> Wrapped:
        def read() -> RobotState:
            if now() >= at_s:
                port.unplug()
            return robot.read()

        return Wrapped(robot, read)

    return wrap


def full_drive(at_s: float) -> Callable[..., Any]:
    """The controller loses its mind: full drive in one direction."""

    def wrap(controller: OnnxController, clock: LockstepClock) -> Acting:
        start = clock.now()

        def change(output: ControllerOutput) -> ControllerOutput:
            wild = clock.now() - start >= at_s
            return (
                dataclasses.replace(output, action=np.ones_like(output.action)) if wild else output
            )

        return Acting(controller, change)

    return wrap


def slow(at_s: float, seconds: float) -> Callable[..., Any]:
    """Planning takes longer than a period."""

    def wrap(controller: OnnxController, clock: LockstepClock) -> Acting:
        start = clock.now()

        def change(output: ControllerOutput) -> ControllerOutput:
            if clock.now() - start >= at_s:
                clock.wait_until(clock.now() + seconds)
            return output

        return Acting(controller, change)

    return wrap


CASES = (
    Case("non-finite observation", 3.0, StopReason.NON_FINITE, robot=poisoned(3.0)),
    Case("link unplugged", 3.0, StopReason.LINK_LOST, robot=unplugged(3.0)),
    Case(
        "full drive, arm limit",
        3.0,
        StopReason.LIMIT_POSITION,
        controller=full_drive(3.0),
        monitor=False,
    ),
    Case("deadline overrun", 3.0, StopReason.DEADLINE, controller=slow(3.0, 0.03)),
    Case("operator", 3.0, StopReason.OPERATOR, operator=True),
    Case("payload +50 % in swing-up", 0.4, StopReason.INNOVATION, payload(0.5, 0.4)),
    Case("motor gain -40 % in swing-up", 0.4, StopReason.INNOVATION, gain(0.6, 0.4)),
    Case("motor gain -40 % in balance", 5.0, StopReason.INNOVATION, gain(0.6, 5.0)),
)


@dataclass(frozen=True)
class Ended:
    """How one episode ended."""

    reason: StopReason
    message: str
    seconds: float
    latched: bool


def run_case(
    spec: RobotSpec, controller: OnnxController, case: Case | None, seed: int, reality: str
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
    observer = Observer(ObservationLayout.from_spec(spec))
    report = run_episode(
        safe, clock, acting, observer, None, ticks, stop_requested=asked, monitor=obeyed
    )
    seconds = clock.now() - start
    # With the cable off nobody can tell the device to stop: its own watchdog does.
    clock.wait_until(clock.now() + 1.25e-3 * spec.safety.watchdog_ms)
    latched = safe.reason is report.stop_reason and not np.any(device.board.drive)
    return Ended(report.stop_reason, report.message, seconds, latched)


def run(settings: Settings) -> Outcome:
    """Every case, then nominal hours."""
    rows = [measure_case(settings, case) for case in CASES]
    nominal = measure_nominal(settings)
    return Outcome({"cases": rows, "nominal": nominal})


def measure_case(s: Settings, case: Case) -> dict[str, Any]:
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
