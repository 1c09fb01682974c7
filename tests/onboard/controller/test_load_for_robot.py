"""A controller file and the robot that it is for."""

from dataclasses import replace
from pathlib import Path

import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import ContractMismatchError, SpecError
from robot_mbrl.onboard import load_for_robot
from tests.support.onboard_graphs import write_controller


@pytest.fixture
def path(tmp_path: Path, spec: RobotSpec) -> Path:
    return write_controller(tmp_path / "controller.onnx", spec)


@pytest.mark.parametrize("robot", [None, "furuta"])
def test_the_robot_is_the_one_the_controller_names(
    path: Path, spec: RobotSpec, robot: str | None
) -> None:
    found, controller = load_for_robot(path, robot, seed=0)
    assert found.fingerprint == spec.fingerprint == controller.metadata.fingerprint


def test_a_robot_in_a_folder(path: Path, spec: RobotSpec) -> None:
    assert load_for_robot(path, spec.folder, seed=0)[0].folder == spec.folder


def test_another_robot_is_refused(path: Path) -> None:
    with pytest.raises(ContractMismatchError, match="simple_pendulum"):
        load_for_robot(path, "simple_pendulum", seed=0)


def test_a_robot_that_is_not_here_names_the_way_out(path: Path, spec: RobotSpec) -> None:

    far = replace(spec, name="far_away")
    write_controller(path, far)
    with pytest.raises(SpecError) as error:
        load_for_robot(path, None, seed=0)
    assert any("far_away" in note and "--robot" in note for note in error.value.__notes__)
