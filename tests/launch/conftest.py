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
