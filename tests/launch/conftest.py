import re
import shutil
from pathlib import Path

import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN
from tests.support.onboard_graphs import write_controller


@pytest.fixture
def spec() -> RobotSpec:
    return load_robot("furuta")


@pytest.fixture
def controller(tmp_path: Path, spec: RobotSpec) -> Path:
    """A tiny controller.onnx for the furuta."""
    return write_controller(tmp_path / "controller.onnx", spec)


@pytest.fixture
def robot_folder(tmp_path: Path) -> Path:
    """A copy of the furuta's folder, to break."""
    return Path(shutil.copytree(BUILT_IN / "furuta", tmp_path / "furuta"))


@pytest.fixture
def patient_robot(robot_folder: Path) -> Path:
    """The furuta with deadlines that a busy test machine keeps too."""
    path = robot_folder / "robot.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in {
        "rate_hz": 10,
        "reply_timeout_ms": 50.0,
        "watchdog_ms": 1000.0,
        "deadline_ms": 90.0,
        "deadline_misses": 20,
    }.items():
        text = re.sub(rf"(?m)^{key} = [0-9.]+", f"{key} = {value}", text)
    path.write_text(text, encoding="utf-8")
    return robot_folder
