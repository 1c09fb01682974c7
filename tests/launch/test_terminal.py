import time
from pathlib import Path

import numpy as np
import pytest

from launch.terminal import Lines, LiveLine, format_numbers, print_episode, progress
from robot_mbrl.contract import RobotSpec
from robot_mbrl.data.score import EpisodeScore
from robot_mbrl.onboard import EpisodeResult, LoopReport, SafeRobot, StopReason
from robot_mbrl.onboard.controller.watched import WatchedController
from robot_mbrl.onboard.loop_report import Histogram
from robot_mbrl.onboard.session import EpisodeView
from tests.support.onboard_fakes import FakeController, FakeRobot, LockstepClock


def test_without_a_terminal_only_the_end_of_a_phase_is_printed_at_once(capsys):
    with progress("finetune") as report:
        for done in range(1, 101):
            report("policy", done, 100, {"success": 0.5})
    assert capsys.readouterr().err == "finetune policy: 100/100 success 0.5\n"


def test_a_line_comes_every_ten_seconds(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lines = Lines("pretrain")
    for second in range(35):
        now[0] = float(second)
        lines("policy", second, 100, {})
    printed = capsys.readouterr().err.splitlines()
    assert printed == [f"pretrain policy: {s}/100" for s in (10, 20, 30)]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [({}, ""), ({"holdout_nll": -1.23456, "success": 1.0}, "holdout nll -1.23, success 1")],
)
def test_numbers_are_short(numbers, text):
    assert format_numbers(numbers) == text


def test_the_live_line_says_what_the_robot_does(spec: RobotSpec) -> None:
    clock = LockstepClock()
    watched = WatchedController(FakeController(spec, action=0.25))
    safe = SafeRobot(FakeRobot(spec, clock), spec, clock)
    line = LiveLine(EpisodeView("episode 1 of 2", 100, safe, watched))
    assert line.text() == "episode 1 of 2 |   0.0 of 2.0 s | disarmed"
    for _ in range(50):
        watched.act(np.linspace(0, 1, line._layout.size))
    parts = line.text().split(" | ")
    assert parts[1] == "  1.0 of 2.0 s" and parts[-1] == "action +0.25"
    assert len(parts) == 4 + len(line._layout.block)


@pytest.mark.parametrize("corrected", [0, 3])
def test_a_clock_that_had_to_be_corrected_is_told(capsys, corrected: int) -> None:
    report = LoopReport(
        ticks=400,
        stop_reason=StopReason.FINISHED,
        message="",
        lateness_ms=Histogram(),
        plan_ms=Histogram(),
        round_trip_ms=Histogram(),
        skipped_periods=1,
        counts={"missed": 2, "clock": corrected},
    )
    score = EpisodeScore(success=True, returns=1.0, at_goal_s=0.0)
    print_episode(EpisodeResult(Path("e.mcap"), report, score), 1, 2)
    line = capsys.readouterr().out
    assert "2 missed" in line
    assert ("clock corrected 3 times" in line) == (corrected == 3)
