"""Every verb takes paths as people type them: absolute, relative, with spaces, from elsewhere."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.main import main
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.data import read_episode
from tests.support.onboard_graphs import write_controller

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests/data/realaigym_simple_pendulum"
SHORT = ["--episodes", "1", "--seconds", "0.2"]
TYPED = ("absolute", "relative", "from elsewhere")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of a person who likes spaces: a robot, a reality and a controller."""
    home = tmp_path / "my own files"
    shutil.copytree(BUILT_IN / "furuta", home / "my robot")
    (home / "realities").mkdir()
    shutil.copy(BUILT_IN / "furuta/realities/heavy.toml", home / "realities/my machine (2).toml")
    return home


@pytest.fixture(params=TYPED)
def typed(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """A path within the folder as typed at a prompt."""
    elsewhere = home / "some other place"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere if request.param == "from elsewhere" else home)

    def path(name: str) -> str:
        whole = home / name
        return str(whole) if request.param == "absolute" else os.path.relpath(whole)

    return path


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What `--json` printed."""
    found: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_collect_and_deploy(typed: Callable[[str], str], home: Path, spec: RobotSpec) -> None:
    port = f"mock:{typed('realities/my machine (2).toml')}"
    common = ["--robot", typed("my robot"), "--port", port, *SHORT]
    args = ["--policy", "random", "--exploration", "0", "--out", typed("my episodes")]
    assert main(["collect", *common, *args]) == 0
    [recorded] = (home / "my episodes").glob("*.mcap")
    assert read_episode(recorded).metadata.extra["port"] == port
    write_controller(home / "my controller.onnx", spec)
    controller = ["--controller", typed("my controller.onnx"), "--record", typed("flown")]
    assert main(["deploy", *common, *controller]) in (0, 3)
    assert len(list((home / "flown").glob("*.mcap"))) == 1


def test_import_log(typed: Callable[[str], str], home: Path) -> None:
    shutil.copy(LOGS / "ilqr.measured.csv", home / "my log.measured.csv")
    args = ["--robot", "simple_pendulum", "--csv", typed("my log.measured.csv")]
    assert main(["import-log", *args, "--out", typed("my imports")]) == 0
    assert [p.name for p in (home / "my imports").iterdir()] == ["my log.mcap"]


def test_new_robot_and_a_look_at_it(
    typed: Callable[[str], str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(BUILT_IN / "arm", home / "my arm")
    out = typed("made of it")
    assert main(["new-robot", typed("my arm/arm.urdf"), "--out", out]) == 0
    assert (home / "made of it" / "robot.toml").exists()
    assert main(["sim", "--robot", out, "--seconds", "0.1", "--json"]) == 0
    assert last_line(capsys)["seconds"] == pytest.approx(0.1, abs=0.05)
