import gc
from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout, Observer
from robot_mbrl.contract.errors import (
    DataError,
    LinkTimeout,
    NotFiniteError,
    PlannerError,
    SafetyError,
)
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, TickFlag, read_episode
from robot_mbrl.onboard import (
    Monitor,
    MonitorThresholds,
    Recorder,
    SafetyState,
    StopReason,
    calibrate_monitor,
    run_episode,
)
from tests.support.onboard_fakes import FakeController, timeouts, with_faults

DT = 0.02


@pytest.fixture
def run(safe, clock, controller, spec, tmp_path):
    """Run and read back what was recorded."""

    def run_it(ticks=20, **options):
        path = tmp_path / "episode.mcap"
        header = EpisodeHeader.from_spec(spec, kind="deploy", created="now")
        recorder = Recorder(EpisodeWriter(path, header))
        observer = Observer(ObservationLayout.from_spec(spec))
        report = run_episode(safe, clock, controller, observer, recorder, ticks, **options)
        return report, read_episode(path)

    run_it.path = tmp_path / "episode.mcap"
    return run_it


def thresholds(limit=1e3):
    return MonitorThresholds(
        z_scale=(1.0, 1.0),
        slack=0.5,
        square_slack=2.0,
        cap=6.0,
        disagreement_center=-2.0,
        disagreement_scale=1.0,
        disagreement_slack=1.0,
        limits=(limit,) * 7,
    )


def test_a_whole_episode(run, robot, safe, controller, clock):
    report, episode = run(20)
    assert (report.ticks, report.stop_reason) == (20, StopReason.FINISHED)
    assert (episode.complete, episode.stop_reason, len(episode)) == (True, "finished", 20)
    assert clock.now() == pytest.approx(100.0 + 20 * DT)
    assert safe.state is SafetyState.DISARMED
    assert robot.log[-1] == "stop"
    assert controller.resets == 1
    assert len(robot.sent) == 20
    assert episode.index.tolist() == list(range(20))
    assert len(episode.transitions()) == 19


def test_the_applied_action_is_recorded_and_enters_the_next_observation(run, robot, spec):
    robot.gain = 0.5  # the machine does half of what it is told and says so
    _, episode = run(20)
    column = ObservationLayout.from_spec(spec).column("motor.action[-1]")
    assert episode.proposed[:, 0].tolist() == [0.5] * 20
    assert episode.actions[-1, 0] == pytest.approx(0.25)
    assert episode.observations[1:, column] == pytest.approx(episode.actions[:-1, 0])
    ramping = episode.flags[:5] & TickFlag.RAMPING
    assert ramping.all()


def test_innovation_is_unknown_where_the_prediction_assumed_something_else(run, robot):
    _, episode = run(20)
    unknown = np.isnan(episode.innovation[:, 0])
    # no prediction at first, none that holds while the ramp scales the action down
    assert unknown.tolist() == [True] * 6 + [False] * 14
    assert not episode.innovation[6:].any()


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lost_samples_are_bridged(run, robot, lost):
    robot.break_read = timeouts(*range(12, 12 + lost))  # call 1 arms, call 12 is tick 10
    report, episode = run(20)
    assert report.ticks == 20
    stale = (episode.flags & TickFlag.STALE) != 0
    assert np.flatnonzero(stale).tolist() == list(range(10, 10 + lost))
    assert report.counts["coasted"] == lost
    assert np.isnan(episode.innovation[10 : 10 + lost + 1]).all()
    assert len(episode.transitions()) == 19 - lost - 1


def test_a_lost_link_stops(run, robot, safe):
    robot.break_read = lambda n: LinkTimeout("no reply") if n >= 12 else None
    report, episode = run(20)
    assert (report.ticks, report.stop_reason) == (13, StopReason.LINK_LOST)
    assert episode.stop_reason == "link_lost"
    assert "4 ticks without a fresh sample" in episode.report["message"]
    assert safe.state is SafetyState.STOPPED
    assert robot.log[-1] == "stop"


def test_a_frozen_sensor_stops(run, robot, controller):
    def freeze(n):
        if n == 10:
            robot.frozen = robot.read()

    controller.before = freeze
    report, _ = run(30)
    assert report.stop_reason is StopReason.STALE


def test_a_sample_that_is_not_finite_stops(run, robot, controller):
    def poison(n):
        if n == 10:
            robot.q = np.array([0.0, np.nan])

    controller.before = poison
    report, episode = run(30)
    assert (report.ticks, report.stop_reason) == (10, StopReason.NON_FINITE)
    assert len(episode) == 10


def test_an_action_that_is_not_finite_stops(run, robot, controller):
    def poison(n):
        if n == 10:
            controller.action = np.array([np.nan])

    controller.before = poison
    report, _ = run(30)
    assert report.stop_reason is StopReason.NON_FINITE
    assert np.isfinite(robot.sent).all()


def test_the_arm_limit_stops(run, robot, controller):
    def drift(n):
        robot.q = robot.q + np.array([0.15, 0.0])

    controller.before = drift
    report, episode = run(40)
    assert report.stop_reason is StopReason.LIMIT_POSITION
    assert report.counts["braked"] > 1  # 7.5 rad/s, whatever is sent
    assert episode.actions[-1, 0] == -1.0
    assert episode.flags[-1] & TickFlag.CLAMPED


def test_a_device_fault_stops(run, robot, controller):
    def trip(n):
        if n == 10:
            robot.change = with_faults(0x0001)

    controller.before = trip
    report, _ = run(30)
    assert report.stop_reason is StopReason.WATCHDOG


def test_a_plan_that_takes_longer_than_a_period_is_a_miss_and_the_next_one_stops(
    run, clock, controller
):
    controller.before = lambda n: clock.advance(0.021) if n in (5, 10, 11) else None
    report, episode = run(30)
    assert (report.ticks, report.stop_reason) == (11, StopReason.DEADLINE)
    assert (report.missed_deadlines, report.skipped_periods) == (3, 3)
    assert "after a tick of 21.0 ms" in report.message
    assert episode.index.tolist() == [*range(5), *range(6, 11), 12]


def test_one_late_wake_is_counted_and_two_in_a_row_stop(run, clock, controller):
    def oversleep(n):
        clock.oversleep_s = 0.006 if n in (5, 10, 11) else 0.0

    controller.before = oversleep
    report, episode = run(30)
    assert report.stop_reason is StopReason.DEADLINE
    assert report.missed_deadlines == 3
    assert report.lateness_ms.max == pytest.approx(6.0)
    assert np.flatnonzero(episode.flags & TickFlag.DEADLINE_MISSED).tolist() == [5, 10]


def test_whole_periods_are_skipped_and_the_grid_is_kept(run, clock, controller):
    def oversleep(n):
        clock.oversleep_s = 2 * DT + 0.001 if n == 5 else 0.0

    controller.before = oversleep
    report, episode = run(20)
    assert (report.skipped_periods, report.missed_deadlines) == (2, 2)
    assert episode.index.tolist() == [*range(5), *range(7, 20)]
    on_grid = (episode.time_s - 100.0) / DT - episode.index
    assert np.abs(on_grid).max() < 0.06
    assert len(episode.transitions()) == 20 - 2 - 2
    assert report.stop_reason is StopReason.FINISHED


def test_stop_request_stops_at_the_next_tick(run, robot):
    report, episode = run(30, stop_requested=lambda: len(robot.sent) >= 10)
    assert (report.ticks, report.stop_reason) == (10, StopReason.OPERATOR)
    assert episode.stop_reason == "operator"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PlannerError("no plan"), "exception"),
        (KeyboardInterrupt(), "operator"),
        (SystemExit(3), "operator"),
        (MemoryError(), "exception"),
    ],
)
def test_any_exception_stops_closes_and_is_raised_again(
    run, robot, safe, controller, error, reason
):
    def fail(n):
        if n == 10:
            raise error

    controller.before = fail
    with pytest.raises(type(error)) as caught:
        run(30)
    assert caught.value is error
    assert safe.state is SafetyState.STOPPED
    assert robot.log[-1] == "stop"
    episode = read_episode(run.path)
    assert (len(episode), episode.stop_reason) == (9, reason)
    assert type(error).__name__ in episode.report["message"]


def test_numbers_from_the_controller_that_are_not_finite_are_a_stop_of_their_own(
    run, robot, safe, controller
):
    def fail(n):
        if n == 10:
            raise NotFiniteError("the controller's output 'action' is not finite: nan")

    controller.before = fail
    report, episode = run(30)
    assert (report.stop_reason, report.ticks) == (StopReason.NON_FINITE, 9)
    assert robot.log[-1] == "stop" and safe.state is SafetyState.STOPPED
    assert episode.stop_reason == "non_finite" and "'action'" in episode.report["message"]


def test_a_failing_disk_stops_the_robot(safe, robot, clock, controller, spec, tmp_path):
    class FullDisk(EpisodeWriter):
        def write(self, tick):
            if self.ticks == 10:
                self.ticks = -1
                raise DataError("e.mcap: cannot be written (No space left on device)")
            super().write(tick)

    writer = FullDisk(tmp_path / "e.mcap", EpisodeHeader.from_spec(spec, kind="deploy", created=""))
    observer = Observer(ObservationLayout.from_spec(spec))
    with pytest.raises(DataError, match="No space left"):
        run_episode(safe, clock, controller, observer, Recorder(writer), 30)
    assert safe.reason is StopReason.RECORDER
    assert robot.log[-1] == "stop"
    assert len(robot.sent) == 11


def test_innovation_stops(run, robot, controller):
    def shove(n):
        if n >= 10:
            robot.q = robot.q + np.array([0.0, 0.1 * (n - 9)])

    controller.before = shove
    monitor = Monitor(thresholds(limit=40.0), ("arm", "pendulum"))
    report, _ = run(40, monitor=monitor)
    assert report.stop_reason is StopReason.INNOVATION
    assert "'pendulum'" in report.message
    assert report.ticks <= 20
    assert report.monitor["pendulum.square"] > 1


class ConstantVelocity(FakeController):
    """Predicts what a machine at rest or in even motion does next."""

    def act(self, observation):
        output = super().act(observation)
        dq = self.layout.velocities(observation) * self.layout.dt
        mean = self.layout.advance(observation, dq, self.action)
        std = np.full(self.layout.size, 0.05)
        return replace(output, predicted_mean=mean, predicted_std=std)


def test_one_bad_encoder_sample_does_not_stop_but_a_jump_every_tick_does(safe, robot, clock, spec):
    layout = ObservationLayout.from_spec(spec)
    rng = np.random.default_rng(0)
    nominal, certain = list(rng.standard_normal((40, 200, 2))), [np.full(200, 0.1)] * 40
    monitor = Monitor(calibrate_monitor(nominal, certain, 50.0, 0.5), ("arm", "pendulum"))

    def run_with(shake):
        controller = ConstantVelocity(spec)
        controller.before = shake
        safe.reset()
        return run_episode(safe, clock, controller, Observer(layout), None, 60, monitor=monitor)

    def glitch(n):
        robot.q = np.array([0.0, 0.5 if n == 30 else 0.0])

    def rattle(n):
        robot.q = np.array([0.0, 0.5 * (n % 2) if n >= 30 else 0.0])

    assert run_with(glitch).stop_reason is StopReason.FINISHED
    report = run_with(rattle)
    assert report.stop_reason is StopReason.INNOVATION
    assert report.ticks <= 36


def test_disagreement_stops(run, controller):
    def surprise(n):
        controller.disagreement = 0.1 if n < 10 else 1e3

    controller.before = surprise
    report, _ = run(40, monitor=Monitor(thresholds(limit=40.0), ("arm", "pendulum")))
    assert report.stop_reason is StopReason.DISAGREEMENT


def test_the_monitor_starts_anew_in_each_episode(safe, clock, controller, spec):
    monitor = Monitor(thresholds(), ("arm", "pendulum"))
    monitor.update(np.array([5.0, 5.0]), 100.0)
    observer = Observer(ObservationLayout.from_spec(spec))
    report = run_episode(safe, clock, controller, observer, None, 5, monitor=monitor)
    assert max(report.monitor.values()) < 1e-3


def test_a_stopped_robot_is_refused_until_reset(run, safe):
    safe.stop(StopReason.OPERATOR, "red button")
    with pytest.raises(SafetyError, match="red button"):
        run(5)
    safe.reset()
    run.path.unlink()
    report, _ = run(5)
    assert report.stop_reason is StopReason.FINISHED


def test_a_robot_that_cannot_be_armed_ends_the_episode_before_it_begins(run, robot):
    robot.change = with_faults(8)
    report, episode = run(5)
    assert (report.ticks, report.stop_reason) == (0, StopReason.DEVICE_FAULT)
    assert len(episode) == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_waits(run, controller, enabled):
    seen = []
    controller.before = lambda n: seen.append(gc.isenabled())
    (gc.enable if enabled else gc.disable)()
    try:
        run(3)
        assert seen == [False] * 3
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_lockstep_reports_are_repeatable(run, spec):
    report, episode = run(10)
    values = report.to_json()
    assert values["stop_reason"] == "finished"
    assert values["plan_ms"]["p50"] == pytest.approx(1.0)
    assert values["lateness_ms"]["max"] == pytest.approx(0.0)
    assert episode.report["plan_ms"]["max"] == pytest.approx(1.0)


def test_settings_of_the_robot_matter(robot, clock, spec):
    from robot_mbrl.onboard import SafeRobot

    fast = replace(spec, control=replace(spec.control, rate_hz=100.0))
    safe = SafeRobot(robot, fast, clock)
    controller = FakeController(fast)
    observer = Observer(ObservationLayout.from_spec(fast))
    run_episode(safe, clock, controller, observer, None, 20)
    assert clock.now() == pytest.approx(100.2)


def test_disagreement_is_that_of_the_step_that_is_taken(run, controller):
    act = controller.act
    controller.act = lambda obs: replace(act(obs), disagreement=np.array([0.25, 7.0, 9.0]))
    _, episode = run(3)
    assert episode.disagreement.tolist() == [0.25] * 3


def test_counts_are_those_of_the_episode(safe, robot, clock, controller, spec):
    layout = ObservationLayout.from_spec(spec)
    controller.action = np.array([3.0])
    counts = [
        run_episode(safe, clock, controller, Observer(layout), None, 7).counts["clamped"]
        for _ in range(2)
    ]
    assert counts == [7, 7]
