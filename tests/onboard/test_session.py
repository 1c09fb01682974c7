"""Recording episodes from Python, as deploy and collect do."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hardware import open_connection
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.data import read_episode
from robot_mbrl.onboard import (
    EpisodePlan,
    RandomController,
    Session,
    StopReason,
    run_episodes,
)
from robot_mbrl.onboard.session import EpisodeView
from tests.support.lockstep_rig import IntegratorPlant


@pytest.fixture
def plant(spec: RobotSpec) -> IntegratorPlant:
    return IntegratorPlant(spec)


def noise(spec: RobotSpec, sigma: float = 0.1) -> RandomController:
    columns = ObservationLayout.from_spec(spec).size
    return RandomController(columns, len(spec.actuators), sigma, np.random.default_rng(0))


def session(spec: RobotSpec, plant: IntegratorPlant, **more) -> Session:
    return Session(spec, lambda: open_connection(spec, "mock", plant=lambda *_: plant), **more)


def test_a_script_without_launch_records_an_episode(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
import numpy as np
from hardware import open_connection
from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.onboard import EpisodePlan, RandomController, Session, run_episodes
spec = load_robot("furuta")
size = ObservationLayout.from_spec(spec).size
who = RandomController(size, len(spec.actuators), 0.1, np.random.default_rng(0))
with Session(spec, lambda: open_connection(spec, "mock")) as session:
    plan = EpisodePlan(session.ticks(0.5), Path({str(tmp_path)!r}), "collect")
    report = run_episodes(session, who, plan, 2)
assert report.to_json()["stop_reason"] == "finished", report
assert not {{m for m in sys.modules if m.split(".")[0] in ("launch", "tyro", "rich", "torch")}}
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    episodes = [read_episode(path) for path in tmp_path.glob("*.mcap")]
    assert [len(e) for e in episodes] == [25, 25]
    assert {e.metadata.extra["port"] for e in episodes} == {"mock"}


def test_who_watches_sees_the_running_episode(tmp_path, spec, plant) -> None:
    seen = []

    @contextlib.contextmanager
    def watch(episode: EpisodeView) -> Iterator[None]:
        assert episode.controller.ticks == 0 and episode.controller.last is None
        yield
        seen.append((episode.title, episode.controller.ticks))
        observation, _ = episode.controller.last
        assert observation.shape == (ObservationLayout.from_spec(spec).size,)

    with session(spec, plant, watch=watch) as running:
        running.go_home()
        running.run(noise(spec), EpisodePlan(5, tmp_path, "collect"), "the first")
    assert seen == [("the first", 5)]


def test_a_request_to_stop_ends_the_row(tmp_path, spec, plant) -> None:
    asked = iter([False] * 3 + [True] * 10)
    with session(spec, plant, stop_requested=lambda: next(asked)) as running:
        report = run_episodes(running, noise(spec), EpisodePlan(50, tmp_path, "collect"), 4)
    assert report.interrupted and report.stop is None
    assert [r.report.ticks for r in report.results] == [3]
    assert report.to_json()["stop_reason"] == "operator"


def test_a_safety_stop_ends_the_row_unless_it_is_the_episodes_own(tmp_path, spec, plant) -> None:
    slow = [replace(joint, velocity_limit_rad_s=6.0) for joint in spec.joints]
    spec, wild = replace(spec, joints=tuple(slow)), noise(spec, 50.0)
    plan = EpisodePlan(2000, tmp_path, "collect")
    with session(spec, plant) as running:
        report = run_episodes(running, wild, plan, 3)
    assert report.stop is report.results[0]
    assert report.stop.report.stop_reason is StopReason.LIMIT_VELOCITY
    with session(spec, plant) as running:
        report = run_episodes(running, wild, plan, 3, keep_going=True)
    assert len(report.results) == 3 and report.stop is None


def test_a_wrong_goal_and_a_wrong_length_are_refused(tmp_path, spec, plant) -> None:
    with session(spec, plant) as running:
        with pytest.raises(SettingsError, match="no goals to choose"):
            running.run(noise(spec), EpisodePlan(5, tmp_path, "collect", goal=(1.0,)))
        with pytest.raises(SettingsError, match=r"at least 0\.04 s"):
            running.ticks(0.01)
        assert running.ticks(1.0) == 50


def test_real_robots_are_driven_home_and_through_episodes_with_priority(
    tmp_path, spec, plant, monkeypatch
) -> None:
    taken = []

    @contextlib.contextmanager
    def note() -> Iterator[bool]:
        taken.append(True)
        yield True

    monkeypatch.setattr("robot_mbrl.onboard.session.realtime_priority", note)
    with session(spec, plant) as running:
        running.go_home()
        running.run(noise(spec), EpisodePlan(5, tmp_path, "collect"))
        assert not taken  # time waits for a mock in this process
        monkeypatch.setattr(type(running._connection), "simulated", False)
        running.go_home()
        assert len(taken) == 1
        running.run(noise(spec), EpisodePlan(5, tmp_path, "collect"))
        assert len(taken) == 2
