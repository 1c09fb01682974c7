"""onnxruntime sends telemetry by default; loading a controller here leaves no trace of it."""

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from robot_mbrl.contract import load_robot
from tests.support.onboard_graphs import write_controller

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
import numpy as np
from robot_mbrl.contract import load_robot
from robot_mbrl.onboard import load_controller
controller = load_controller(sys.argv[1], load_robot("furuta"))
controller.act(np.zeros(len(controller.metadata.columns)))
"""
# what onnxruntime takes for a build machine, where it sends nothing
BUILD_MACHINE = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID", "JENKINS_URL", "GITLAB_CI")


def files_left_by_loading(controller: Path, home: Path, **environment: str) -> list[Path]:
    home.mkdir()
    usual = {k: v for k, v in os.environ.items() if k not in BUILD_MACHINE and "TELEM" not in k}
    at_home = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(controller)],
        cwd=ROOT,
        env={**usual, **at_home, **environment},
        check=True,
    )
    return [path for path in home.rglob("*") if path.is_file()]


def test_loading_a_controller_sends_and_stores_nothing(tmp_path: Path) -> None:
    controller = write_controller(tmp_path / "controller.onnx", load_robot("furuta"))
    assert files_left_by_loading(controller, tmp_path / "home") == []


def sends_by_default() -> bool:
    """Since 1.29, on Linux."""
    major, minor = map(int, onnxruntime.__version__.split(".")[:2])
    return sys.platform == "linux" and (major, minor) >= (1, 29)


@pytest.mark.skipif(not sends_by_default(), reason="this onnxruntime sends nothing")
def test_an_owner_may_let_it(tmp_path: Path) -> None:
    """That the test above can fail: the same with telemetry leaves its store behind."""
    controller = write_controller(tmp_path / "controller.onnx", load_robot("furuta"))
    left = files_left_by_loading(controller, tmp_path / "home", ORT_DISABLE_TELEMETRY="0")
    assert any("onnxruntime" in str(path) for path in left)
