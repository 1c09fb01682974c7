"""`bench loop` tells the machine's lateness from the controller's, and what a loop did."""

import json
from pathlib import Path

import pytest

from launch.bench.loop import measure_empty_loop
from launch.main import main
from robot_mbrl.onboard.loop_report import Histogram


class StallingClock:
    """A machine that wakes up late, by so many ms in turn."""

    def __init__(self, late_ms: list[float]) -> None:
        self.late_ms, self.times = late_ms, []

    def now(self) -> float:
        return 100.0

    def wait_until(self, time_s: float) -> float:
        self.times.append(time_s)
        return 1e-3 * self.late_ms[len(self.times) % len(self.late_ms)]


def test_the_empty_loop_reports_what_the_machine_is_late() -> None:
    clock = StallingClock([0.0, 0.5, 30.0])
    assert measure_empty_loop(clock, rate_hz=1000.0, seconds=0.3) == Histogram(0.5, 30, 30, 30)
    assert clock.times == pytest.approx([100 + 1e-3 * (k + 1) for k in range(300)])


@pytest.mark.realtime
@pytest.mark.parametrize("load", [[], ["--busy"]])
def test_the_loop_runs_beside_a_mock_of_its_own(controller: Path, load: list[str], capfd) -> None:
    """How punctual it is depends on the machine; that it says so does not."""
    args = ["bench", "loop", "--controller", str(controller), "--seconds", "1", "--json", *load]
    code = main(args)
    lines = capfd.readouterr().out.splitlines()
    result = json.loads(lines[-1])
    assert result["busy"] is bool(load)
    assert lines[0].startswith("empty loop") and result["empty_lateness_ms"]["max"] >= 0
    assert 1 <= result["ticks"] <= 50 and result["plan_ms"]["p99"] > 0
    assert (code == 0) == (result["ticks"] + result["skipped_periods"] >= 50)
    assert (code == 0) == (result["stop_reason"] == "finished")
