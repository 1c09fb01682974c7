"""Episodes on a connected robot: what deploy, collect and demo share."""

import contextlib
import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hardware import is_mock, open_connection
from launch.live_line import Acts, LiveLine, WatchedController
from launch.operator_stop import OperatorStop
from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError, SafetyError
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, read_episode
from robot_mbrl.data.score import EpisodeScore, score_episode
from robot_mbrl.onboard import (
    LoopReport,
    Monitor,
    MonitorThresholds,
    Recorder,
    SafeRobot,
    SafetyState,
    StopReason,
    go_home,
    run_episode,
)
from robot_mbrl.onboard.monitor.monitor import Alarm
from robot_mbrl.onboard.realtime import realtime_priority
from robot_mbrl.tasks import draw_goals, make_task

MONITORS = ("stop", "watch", "off")
NORMAL_ENDS = (StopReason.FINISHED, StopReason.OPERATOR)
EPISODIC_STOPS = (
    StopReason.LIMIT_POSITION,
    StopReason.LIMIT_VELOCITY,
    StopReason.INNOVATION,
    StopReason.DISAGREEMENT,
)
"""Stops that say something about the episode, not about link, device or disk."""


class WatchingMonitor(Monitor):
    """Remembers its first alarm and stops nothing."""

    alarm: Alarm | None = None

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.alarm = None

    def update(self, z: np.ndarray, disagreement: float) -> None:
        """Take one tick; never an alarm."""
        self.alarm = self.alarm or super().update(z, disagreement)


@dataclass(frozen=True)
class EpisodePlan:
    """What to run and what to write down.

    Attributes:
        ticks: length.
        folder: where the episode file goes.
        kind: "deploy" or "collect".
        lineage: of the controller.
        extra: anything else for the header.
        monitor: "stop", "watch" (note alarms, do not stop) or "off".
        thresholds: of the monitors; None where there are none.
        goal: of a task that asks for another in each episode; drawn by default.
    """

    ticks: int
    folder: Path
    kind: str
    lineage: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    monitor: str = "stop"
    thresholds: MonitorThresholds | None = None
    goal: tuple[float, ...] | None = None


@dataclass(frozen=True)
class EpisodeResult:
    """One recorded episode: file, the loop's report, the task's verdict, an alarm if watched."""

    path: Path
    report: LoopReport
    score: EpisodeScore
    alarm: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        verdict = {"success": self.score.success, "return": self.score.returns}
        rest = {"path": str(self.path), "alarm": self.alarm}
        return rest | verdict | self.report.to_json()


class Session:
    """A connected robot behind its supervisor; leaving the context stops and releases it.

    Args:
        spec: the robot.
        port: as in `hardware.open_connection`.
        stop: turns Ctrl-C into a request.
        seed: of the in-process mock, its reality's own by default; and of the goals that the task
            draws, 0 by default.
    """

    def __init__(
        self, spec: RobotSpec, port: str, stop: OperatorStop, seed: int | None = None
    ) -> None:
        self.spec, self.port, self.task = spec, port, make_task(spec)
        self._stop = stop
        self._goals = np.random.default_rng(seed or 0)
        self._rng = np.random.default_rng(seed) if is_mock(port) and seed is not None else None
        self.safe = self._connect()

    def _connect(self) -> SafeRobot:
        connection = open_connection(self.spec, self.port, rng=self._rng)
        self.clock = connection.clock
        return SafeRobot(connection.robot, self.spec, connection.clock)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.safe.__exit__(kind, error, trace)

    def go_home(self) -> None:
        """Bring the robot to its start, after a stop by the operator's decision to go on.

        The mock is switched off and on where a person would put the robot back by hand.
        """
        try:
            if self.safe.state is SafetyState.STOPPED:
                self.safe.reset()
            go_home(self.safe, self.clock, self.spec)
        except SafetyError:
            if not is_mock(self.port):
                raise
            self.safe.close()
            self.safe = self._connect()
            go_home(self.safe, self.clock, self.spec)

    def run(self, controller: Acts, plan: EpisodePlan, title: str) -> EpisodeResult:
        """Run and record one episode; raises what is no stop of the supervisor: a full disk."""
        watched = WatchedController(controller)
        observer = Observer(ObservationLayout.from_spec(self.spec), goal=self._goal(plan))
        monitor = make_monitor(self.spec, plan)
        writer = self._open_episode(plan)
        live = LiveLine(title, watched, self.safe, plan.ticks)
        ahead = contextlib.nullcontext() if is_mock(self.port) else realtime_priority()
        with self._stop.during_episode(), live, ahead:
            report = run_episode(
                self.safe,
                self.clock,
                watched,
                observer,
                Recorder(writer),
                plan.ticks,
                stop_requested=lambda: self._stop.requested,
                monitor=monitor,
            )
        alarm = monitor.alarm if isinstance(monitor, WatchingMonitor) else None
        score = score_episode(read_episode(writer.path), self.task)
        told = f"{alarm.reason.value}: {alarm.message}" if alarm else ""
        return EpisodeResult(writer.path, report, score, told)

    def _goal(self, plan: EpisodePlan) -> FloatArray | None:
        names = self.spec.task.goal
        if plan.goal is None:
            drawn = draw_goals(self.task, self._goals, 1)
            return None if drawn is None else drawn[0]
        if len(plan.goal) != len(names):
            raise DataError(
                f"--goal: expected {len(names)} numbers ({', '.join(names)}), got {len(plan.goal)}"
                if names
                else f"--goal: task {self.spec.task.name!r} has no goals to choose from"
            )
        return np.array(plan.goal)

    def _open_episode(self, plan: EpisodePlan) -> EpisodeWriter:
        created = datetime.datetime.now(datetime.UTC)
        header = EpisodeHeader.from_spec(
            self.spec,
            kind=plan.kind,
            created=created.isoformat(timespec="milliseconds"),
            lineage=plan.lineage,
            extra={"port": self.port} | plan.extra,
        )
        plan.folder.mkdir(parents=True, exist_ok=True)
        name = f"{plan.kind}-{created:%Y%m%d-%H%M%S-%f}.mcap"
        return EpisodeWriter(plan.folder / name, header)


def make_monitor(spec: RobotSpec, plan: EpisodePlan) -> Monitor | None:
    """The monitor that a plan asks for; None without thresholds."""
    if plan.monitor == "off" or plan.thresholds is None:
        return None
    kind = Monitor if plan.monitor == "stop" else WatchingMonitor
    return kind(plan.thresholds, tuple(j.name for j in spec.joints))
