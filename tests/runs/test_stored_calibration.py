"""What a run was calibrated with goes with it: into what is read back, exported and finetuned."""

import json
import shutil
from pathlib import Path

import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import check_calibration
from robot_mbrl.contract.errors import CalibrationError
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.onboard import load_for_robot
from robot_mbrl.runs.load_agent import load_agent, robot_of

RUN = Path(__file__).parents[1] / "data" / "before_the_move" / "run"

RAW = {
    "robot": "furuta",
    "joint_offset_rad": {"arm": 0.1},
    "parameters": {"links": {"pendulum": {"mass": {"mean": 1.1, "interval": [1.0, 1.2]}}}},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of a calibrated furuta."""
    run = Path(shutil.copytree(RUN, tmp_path / "run"))
    head = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(head | {"calibration": RAW}))
    return run


def write(path: Path, raw: dict[str, object]) -> Path:
    path.write_text(json.dumps(raw))
    return path


def test_it_is_applied_when_a_run_is_read_back(run: Path) -> None:
    spec = load_agent(run)[1]
    assert spec.calibration == RAW
    assert spec.offsets_rad == {"arm": 0.1, "pendulum": 0.0}
    assert spec.randomization["links.pendulum.mass"].distribution == "normal"


def test_a_file_comes_before_it_and_leaves_nothing_of_it(run: Path, tmp_path: Path) -> None:
    newer = write(tmp_path / "new.json", {"robot": "furuta", "joint_offset_rad": {"arm": 0.2}})
    spec = robot_of(run, None, newer)
    assert spec.offsets_rad["arm"] == 0.2
    assert spec.randomization == load_robot("furuta").randomization
    assert robot_of(run, spec) is spec


def test_one_that_does_not_belong_to_the_robot_is_refused(run: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.json", {"robot": "arm"})
    with pytest.raises(CalibrationError, match="is for robot 'arm'"):
        robot_of(run, None, other)
    head = json.loads((run / "config.json").read_text())
    write(run / "config.json", head | {"calibration": {"robot": "arm"}})
    with pytest.raises(CalibrationError, match=r"config\.json is for robot 'arm'"):
        load_agent(run)


def test_a_controller_holds_that_of_its_run_and_gives_it_to_the_robot(
    run: Path, tmp_path: Path
) -> None:
    file = tmp_path / "controller.onnx"
    assert export_run(run, file).calibration == RAW
    spec, _ = load_for_robot(file, None, seed=0)
    assert spec.calibration == RAW and spec.offsets_rad["arm"] == 0.1


def test_a_controller_can_be_exported_with_a_newer_one(run: Path, tmp_path: Path) -> None:
    newer = write(tmp_path / "new.json", {"robot": "furuta", "joint_offset_rad": {"arm": 0.2}})
    file = tmp_path / "controller.onnx"
    export_run(run, file, spec=robot_of(run, None, newer))
    assert load_for_robot(file, None, seed=0)[0].offsets_rad["arm"] == 0.2
    assert load_for_robot(file, None, seed=0, calibration=newer)[0].offsets_rad["arm"] == 0.2


def test_a_controller_without_offsets_takes_those_it_is_given(tmp_path: Path) -> None:
    file = tmp_path / "controller.onnx"
    export_run(RUN, file)
    mine = write(tmp_path / "mine.json", {"robot": "furuta", "joint_offset_rad": {"arm": 0.2}})
    assert load_for_robot(file, None, seed=0)[0].calibration == {}
    assert load_for_robot(file, None, seed=0, calibration=mine)[0].offsets_rad["arm"] == 0.2


def test_no_calibration_is_no_entry(tmp_path: Path) -> None:
    spec: RobotSpec = load_robot("furuta")
    raw = {"robot": "furuta"}
    assert spec.calibration == {}
    assert spec.with_calibration(check_calibration(raw, spec)).offsets_rad == spec.offsets_rad
