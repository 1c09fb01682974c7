"""The control loop: read, check, plan, guard, send, record, wait, on an absolute grid."""

import time
from collections.abc import Callable

import numpy as np

from robot_mbrl.contract import Clock, Observer, RobotState
from robot_mbrl.contract.arrays import FloatArray, check_finite
from robot_mbrl.contract.errors import DataError, NotFiniteError, RobotMbrlError
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data.tick import Tick, TickFlag
from robot_mbrl.onboard.controller.output import Controller, ControllerOutput
from robot_mbrl.onboard.loop_report import Histogram, LoopReport, LoopTimes
from robot_mbrl.onboard.monitor.monitor import Monitor, innovation
from robot_mbrl.onboard.realtime import no_garbage_collection
from robot_mbrl.onboard.recorder import Recorder
from robot_mbrl.onboard.supervisor.latched_robot import SafetyState, reason_of
from robot_mbrl.onboard.supervisor.safe_robot import SafeRobot
from robot_mbrl.onboard.timing.measured_observer import MeasuredObserver
from robot_mbrl.onboard.timing.pacing import Pacer, Period

APPLIED_TOLERANCE = 0.05
"""Up to this difference of applied and proposed action, a prediction is about what happened: a
device that always applies a little less stays watched (and `EchoCheck` stops one that goes on)."""


def run_episode(
    safe: SafeRobot,
    clock: Clock,
    controller: Controller,
    observer: Observer,
    recorder: Recorder | None,
    ticks: int,
    *,
    stop_requested: Callable[[], bool] = lambda: False,
    monitor: Monitor | None = None,
) -> LoopReport:
    """Run `ticks` control ticks on an armed or disarmed robot (which is then armed).

    A stop by the supervisor, the monitor or `stop_requested` ends the episode with its reason in
    the report; the robot stays stopped until `safe.reset()`. At a normal end it is disarmed.
    Anything else that is raised, Ctrl-C included, stops the robot, closes the episode and is raised
    again. Raises SafetyError when the robot is stopped from before.
    """
    if safe.state is SafetyState.STOPPED:
        safe.arm()  # refuses, and says why
    loop = Loop(safe, clock, controller, observer, recorder, monitor)
    try:
        with no_garbage_collection():
            loop.run(ticks, stop_requested)
            safe.disarm()
    except BaseException as error:
        tripped = error is safe.error
        if not tripped:
            reason = StopReason.RECORDER if loop.recording else reason_of(error)
            safe.stop(reason, f"{type(error).__name__}: {error}")
            if isinstance(error, RobotMbrlError):
                error.safety_stop = reason is StopReason.RECORDER
        report = loop.report()
        _close_after(error, recorder, report)
        if not tripped:
            raise
        return report
    report = loop.report()
    if recorder is not None:
        recorder.close(report.stop_reason, report.message, report.to_json())
    return report


def _close_after(error: BaseException, recorder: Recorder | None, report: LoopReport) -> None:
    """Close the episode of a stopped robot; a second failure of the disk is a note on the first."""
    if recorder is None:
        return
    try:
        recorder.close(report.stop_reason, report.message, report.to_json())
    except DataError as second:
        error.add_note(f"the episode could not be closed: {second}")


class Loop:
    """One episode in progress."""

    def __init__(
        self,
        safe: SafeRobot,
        clock: Clock,
        controller: Controller,
        observer: Observer,
        recorder: Recorder | None,
        monitor: Monitor | None,
    ) -> None:
        """See `run_episode`."""
        self.safe, self.clock, self.controller = safe, clock, controller
        self.observer, self.recorder, self.monitor = observer, recorder, monitor
        self._measured = MeasuredObserver(observer)
        self.recording = False
        self._counts_before = dict(safe.counts)
        self._previous: ControllerOutput | None = None
        self._applied = np.zeros(observer.layout.action_size)
        self._times = LoopTimes()

    def run(self, ticks: int, stop_requested: Callable[[], bool]) -> None:
        """All ticks; raises the error of the reason that ends them early."""
        if self.safe.state is SafetyState.DISARMED:
            self.safe.arm()
        self.controller.reset()
        if self.monitor is not None:
            self.monitor.reset()
        pacer = Pacer(self.clock, self.safe.spec.control.dt)
        period = pacer.start()
        while period.index < ticks:
            if stop_requested():
                self.safe.trip(StopReason.OPERATOR, f"stop requested at tick {period.index}")
            self.tick(period)
            period = pacer.wait()
            self._times.skipped_periods += period.skipped
        self.safe.counts["missed"] += period.skipped  # by the last tick: no other counts them

    def tick(self, period: Period) -> None:
        """Read, check, plan, guard, send, record."""
        asked = time.perf_counter()
        state = self.safe.read()
        round_trip_s = time.perf_counter() - asked
        self.safe.check_timing(period)
        if period.skipped:
            self._previous = None  # what was predicted was the tick that never ran
        observation = self._observe(state, period)
        z = self._innovation(state, observation)
        output = self._act(observation)
        disagreement = float(output.disagreement[0])  # of the step that is really taken
        self._watch(z, disagreement)
        asked = time.perf_counter()
        applied = self.safe.send(output.action)
        round_trip_s += time.perf_counter() - asked
        self._remember(output, applied)
        self._write(
            Tick(
                index=period.index,
                host_time_s=state.host_time_s if state.fresh else self.clock.now(),
                device_time_s=state.device_time_s,
                q_rad=self.observer.q,
                observation=observation,
                proposed=output.action,
                applied=applied,
                disagreement=disagreement,
                innovation=z,
                lateness_s=period.lateness_s,
                plan_time_s=output.plan_time_s,
                flags=int(self.safe.flags),
            )
        )
        self._times.add(period.lateness_s, output.plan_time_s, round_trip_s)

    def _observe(self, state: RobotState, period: Period) -> FloatArray:
        """The observation (O,) of a sample, all of it finite."""
        if len(self._times) == 0:
            observation = self._measured.reset(state)
        else:
            waited_s = (1 + period.skipped) * self.observer.layout.dt
            observation = self._measured.update(state, self._applied, waited_s)
        try:
            check_finite("observation", observation, self.observer.layout.columns)
        except NotFiniteError as error:
            self.safe.trip(StopReason.NON_FINITE, str(error))
        return observation

    def _act(self, observation: FloatArray) -> ControllerOutput:
        """What the controller wants; numbers that are not finite stop the robot."""
        try:
            return self.controller.act(observation)
        except NotFiniteError as error:
            self.safe.trip(StopReason.NON_FINITE, str(error))

    def _innovation(self, state: RobotState, observation: FloatArray) -> FloatArray:
        """z (J,) of this tick, NaN where nothing was predicted or measured."""
        z = innovation(self.observer.layout, observation, self._previous)
        return z if state.fresh else np.full_like(z, np.nan)

    def _watch(self, z: FloatArray, disagreement: float) -> None:
        alarm = self.monitor.update(z, disagreement) if self.monitor is not None else None
        if alarm is not None:
            self.safe.trip(alarm.reason, alarm.message)

    def _remember(self, output: ControllerOutput, applied: FloatArray) -> None:
        """Keep the prediction only if what it assumed was done."""
        done = float(np.abs(applied - output.action).max()) <= APPLIED_TOLERANCE
        known = not self.safe.flags & (TickFlag.SEND_FAILED | TickFlag.STALE)
        self._previous = output if done and known else None
        self._applied = applied

    def _write(self, tick: Tick) -> None:
        if self.recorder is None:
            return
        self.recording = True
        self.recorder.record(tick)
        self.recording = False

    def report(self) -> LoopReport:
        """What happened so far."""
        reason = self.safe.reason or StopReason.FINISHED
        return LoopReport(
            ticks=len(self._times),
            stop_reason=reason,
            message=self.safe.message or reason.sentence,
            lateness_ms=Histogram.of(self._times.lateness_s),
            plan_ms=Histogram.of(self._times.plan_s),
            round_trip_ms=Histogram.of(self._times.round_trip_s),
            skipped_periods=self._times.skipped_periods,
            counts={k: n - self._counts_before[k] for k, n in self.safe.counts.items()},
            monitor=self.monitor.report() if self.monitor is not None else {},
        )
