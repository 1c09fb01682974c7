"""A session: a connected robot behind its supervisor, home and recorded episodes one by one."""

import contextlib
import datetime
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np

from robot_mbrl.contract import Clock, ObservationLayout, Observer, Robot, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import LinkError, SafetyError, SettingsError
from robot_mbrl.contract.interface import Enabled, Fault
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, read_episode
from robot_mbrl.data.score import EpisodeScore, score_episode
from robot_mbrl.onboard.controller.output import Controller
from robot_mbrl.onboard.controller.watched import WatchedController
from robot_mbrl.onboard.home import go_home
from robot_mbrl.onboard.loop import run_episode
from robot_mbrl.onboard.loop_report import LoopReport
from robot_mbrl.onboard.monitor.monitor import Monitor, WatchingMonitor
from robot_mbrl.onboard.monitor.thresholds import MonitorThresholds
from robot_mbrl.onboard.realtime import realtime_priority
from robot_mbrl.onboard.recorder import BackgroundRecorder, Recorder
from robot_mbrl.onboard.supervisor.latched_faults import latched_faults
from robot_mbrl.onboard.supervisor.latched_robot import SafetyState
from robot_mbrl.onboard.supervisor.safe_robot import SafeRobot
from robot_mbrl.tasks import draw_goals, make_task

MonitorMode = Literal["stop", "watch", "off"]


class Connected(Protocol):
    """What a session needs of a connection, such as `hardware.Connection`."""

    @property
    def robot(self) -> Robot:
        """Connected, drive off."""

    @property
    def clock(self) -> Clock:
        """The time that the robot lives by."""

    @property
    def port(self) -> str:
        """Where the robot is, as written into the episodes."""

    @property
    def simulated(self) -> bool:
        """Time passes only while somebody waits, and connecting anew is a power-up at the start."""


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
        goal: of a task that asks for another in each episode, (G,); drawn by default.
    """

    ticks: int
    folder: Path
    kind: str
    lineage: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    monitor: MonitorMode = "stop"
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


@dataclass(frozen=True)
class EpisodeView:
    """What somebody who watches a running episode may read."""

    title: str
    ticks: int
    safe: SafeRobot
    controller: WatchedController


Watch = Callable[[EpisodeView], AbstractContextManager[Any]]
"""Called for each episode; its context is entered before the first tick, left after the last."""


class Session:
    """A connected robot behind its supervisor; leaving the context stops and releases it.

    Example:

        with Session(spec, lambda: hardware.open_connection(spec, "mock")) as session:
            session.go_home()
            plan = EpisodePlan(session.ticks(), Path("episodes"), "deploy")
            result = session.run(controller, plan)

    Args:
        spec: the robot.
        connect: opens the connection; called again where a simulated robot is put back by hand.
        stop_requested: asked before each tick; True ends the episode as the operator's wish.
        watch: see `Watch`; nobody watches by default.
        goals: draws the goals of a task that has them; of seed 0 by default.

    Raises:
        RobotMbrlError: of `connect`, or of the task.
    """

    def __init__(
        self,
        spec: RobotSpec,
        connect: Callable[[], Connected],
        *,
        stop_requested: Callable[[], bool] = lambda: False,
        watch: Watch = contextlib.nullcontext,
        goals: np.random.Generator | None = None,
    ) -> None:
        self.spec, self.task = spec, make_task(spec)
        self._connect, self._stop_requested, self._watch = connect, stop_requested, watch
        self._goals = goals or np.random.default_rng(0)
        self.safe = self._open()

    def _open(self) -> SafeRobot:
        self._connection = self._connect()
        return SafeRobot(self._connection.robot, self.spec, self._connection.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.safe.__exit__(kind, error, trace)

    def latched_faults(self) -> Fault:
        """What keeps the device from being enabled; of a robot not yet armed. Raises LinkError."""
        return latched_faults(self._connection.robot, self.spec)

    def clear_faults(self) -> None:
        """Clear what the device has latched, by decision of an operator; raises LinkError."""
        if isinstance(self._connection.robot, Enabled):
            self._connection.robot.clear_faults()

    def ticks(self, seconds: float | None = None) -> int:
        """Length of an episode in ticks, the task's by default; raises SettingsError below two."""
        wanted_s = self.task.episode_s if seconds is None else seconds
        count = round(wanted_s * self.spec.control.rate_hz)
        if count < 2:
            least_s = 2 * self.spec.control.dt
            raise SettingsError(f"seconds {seconds}: expected at least {least_s:g} s")
        return count

    def go_home(self) -> None:
        """Bring the robot to its start, after a stop by the operator's decision to go on.

        A simulated robot is switched off and on where a person would put it back by hand. What link
        and device raise on the way counts as a safety stop.
        """
        try:
            self._go_home()
        except LinkError as error:
            error.safety_stop = True
            raise

    def _go_home(self) -> None:
        try:
            if self.safe.state is SafetyState.STOPPED:
                self.safe.reset()
            with self._priority():
                go_home(self.safe, self._connection.clock, self.spec)
        except SafetyError:
            if not self._connection.simulated:
                raise
            self.safe.close()
            self.safe = self._open()
            go_home(self.safe, self._connection.clock, self.spec)

    def run(self, controller: Controller, plan: EpisodePlan, title: str = "") -> EpisodeResult:
        """Run and record one episode; raises what is no stop of the supervisor: a full disk."""
        watched = WatchedController(controller)
        observer = Observer(ObservationLayout.from_spec(self.spec), goal=self._goal(plan))
        monitor = make_monitor(self.spec, plan)
        writer = self._open_episode(plan)
        view = EpisodeView(title, plan.ticks, self.safe, watched)
        make_recorder = Recorder if self._connection.simulated else BackgroundRecorder
        recorder = make_recorder(writer)  # before the priority, which its thread would inherit
        with self._watch(view), self._priority():
            report = run_episode(
                self.safe,
                self._connection.clock,
                watched,
                observer,
                recorder,
                plan.ticks,
                stop_requested=self._stop_requested,
                monitor=monitor,
            )
        alarm = monitor.alarm if isinstance(monitor, WatchingMonitor) else None
        score = score_episode(read_episode(writer.path), self.task)
        text = f"{alarm.reason.value}: {alarm.message}" if alarm else ""
        return EpisodeResult(writer.path, report, score, text)

    def _priority(self) -> AbstractContextManager[Any]:
        """Ahead of other threads, where time does not wait for us."""
        return contextlib.nullcontext() if self._connection.simulated else realtime_priority()

    def _goal(self, plan: EpisodePlan) -> FloatArray | None:
        names = self.spec.task.goal
        if plan.goal is None:
            drawn = draw_goals(self.task, self._goals, 1)
            return None if drawn is None else drawn[0]
        if len(plan.goal) != len(names):
            raise SettingsError(
                f"goal: expected {len(names)} numbers ({', '.join(names)}), got {len(plan.goal)}"
                if names
                else f"goal: task {self.spec.task.name!r} has no goals to choose from"
            )
        return np.array(plan.goal)

    def _open_episode(self, plan: EpisodePlan) -> EpisodeWriter:
        created = datetime.datetime.now(datetime.UTC)
        header = EpisodeHeader.from_spec(
            self.spec,
            kind=plan.kind,
            created=created.isoformat(timespec="milliseconds"),
            lineage=plan.lineage,
            extra={"port": self._connection.port} | plan.extra,
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
