"""`replay --sim` says how far the simulation is from a recording, and draws it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from launch.main import main
from tests.support.engines import each_engine
from tests.support.robots import furuta_toml, write_robot

LOGS = Path(__file__).parents[2] / "data" / "realaigym_simple_pendulum"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The first second of a measured run, as an episode."""
    lines = (LOGS / "direct_collocation.measured.csv").read_text().splitlines()
    (tmp_path / "run.csv").write_text("\n".join(lines[:340]))
    args = ["import-log", "--robot", "simple_pendulum", "--csv", str(tmp_path / "run.csv")]
    assert main([*args, "--out", str(tmp_path)]) == 0
    return tmp_path / "run.mcap"


def recorded(folder: Path, seconds: str) -> Path:
    """A random episode on the mock."""
    args = ["collect", "--policy", "random", "--robot", "furuta", "--port", "mock", "--episodes"]
    args += ["1", "--seconds", seconds, "--exploration", "0.1", "--out", str(folder)]
    assert main(args) == 0
    [episode] = folder.glob("*.mcap")
    return episode


def replay(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, dict[str, Any]]:
    capsys.readouterr()
    code = main(["replay", "--json", *args])
    printed = capsys.readouterr()
    return code, printed.out + printed.err, json.loads(printed.out.splitlines()[-1])


@each_engine
def test_an_imported_log(log: Path, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, result = replay(capsys, "--sim", str(log), "--window", "10", "--backend", backend)
    assert code == 0
    [joint] = result["joints"]
    assert joint["joint"] == "pendulum" and "pendulum" in text
    assert 0 < joint["window_rms_rad"] < 0.1 and joint["window_rms_rad_s"] > 0
    assert 0 < joint["whole_rms_rad"] < 1
    assert result["windows"] == result["ticks"] - 9
    page = (log.parent / "run.replay.html").read_text()
    assert result["path"].endswith("run.replay.html")
    for part in ("<svg", "measured", "restarted from measurements", "played from the start"):
        assert part in page


def test_an_episode_of_two_joints_recorded_on_the_mock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    episode, out = recorded(tmp_path, "1.2"), tmp_path / "page.html"
    code, _, result = replay(capsys, "--sim", str(episode), "--window", "5", "--out", str(out))
    assert code == 0 and out.exists()
    assert [joint["joint"] for joint in result["joints"]] == ["arm", "pendulum"]
    assert all(np.isfinite(joint["whole_rms_rad"]) for joint in result["joints"])


def test_another_robot_is_refused_a_changed_one_is_told(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = replay(capsys, "--sim", str(log), "--robot", "furuta")
    assert code == 1 and "joints ('pendulum',), the robot 'furuta' has" in text
    code, text, _ = replay(capsys, "--sim", str(log), "--window", "400")
    assert code == 1 and "no segment has 400 ticks" in text
    code, text, _ = replay(capsys, "--sim", str(log), "--window", "0")
    assert code == 1 and "--window: expected 1 tick or more" in text
    toml, episode = furuta_toml(), recorded(tmp_path / "mock", "0.5")
    toml["joint"][1]["velocity_limit_rad_s"] += 1.0
    folder = str(write_robot(tmp_path / "other", toml))
    code, text, _ = replay(capsys, "--sim", str(episode), "--robot", folder, "--window", "5")
    assert code == 0 and "has changed since the recording" in text
