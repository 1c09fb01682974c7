"""A run works where it is moved to: its robot and its parent are found, or the remedy is named."""

import json
import shutil
from pathlib import Path

import pytest

from robot_mbrl.agents.registry import find_agent
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.errors import ContractMismatchError, SpecError
from robot_mbrl.runs.agent_state import create_run
from robot_mbrl.runs.load_agent import robot_of
from robot_mbrl.runs.run_folder import RunFolder


def project(folder: Path, name: str = "mine") -> tuple[Path, RobotSpec]:
    """A project with a robot folder of its own and a run of it."""
    robot = Path(shutil.copytree(BUILT_IN / "furuta", folder / "robots" / name))
    text = (robot / "robot.toml").read_text().replace('name = "furuta"', f'name = "{name}"')
    (robot / "robot.toml").write_text(text)
    spec = load_robot(robot)
    run = folder / "runs" / "one"
    create_run(RunFolder(run), spec, find_agent("mbpo").config_type(), 0)
    return run, spec


def test_run_and_robot_that_were_moved_together_find_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, spec = project(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    monkeypatch.chdir(tmp_path)
    found = robot_of(Path("after/runs/one"))
    assert found.fingerprint == spec.fingerprint
    assert found.folder.resolve() == tmp_path / "after" / "robots" / "mine"
    monkeypatch.chdir(tmp_path / "after" / "runs")
    assert robot_of(Path("one")).fingerprint == spec.fingerprint


def test_no_file_of_a_run_holds_the_path_of_its_project(tmp_path: Path) -> None:
    run, _ = project(tmp_path)
    assert str(tmp_path) not in (run / "config.json").read_text()


def test_a_run_whose_robot_is_gone_says_how_to_name_it(tmp_path: Path) -> None:
    run, spec = project(tmp_path)
    elsewhere = Path(shutil.move(tmp_path / "robots" / "mine", tmp_path / "mine"))
    with pytest.raises(SpecError, match=r"'mine' is neither in .*; say where .*--robot FOLDER"):
        robot_of(run)
    assert robot_of(run, load_robot(elsewhere)).fingerprint == spec.fingerprint


def test_the_fingerprint_chooses_between_the_folder_and_the_built_in_robot(tmp_path: Path) -> None:
    """Another version of the project stands where the run was made; ours is the right one."""
    run, spec = project(tmp_path, "furuta")
    assert spec.fingerprint == load_robot("furuta").fingerprint
    toml = tmp_path / "robots" / "furuta" / "robot.toml"
    changed = toml.read_text().replace("rate_hz = 50", "rate_hz = 25", 1)
    toml.write_text(changed)
    assert load_robot(toml.parent).fingerprint != spec.fingerprint
    assert robot_of(run).folder == BUILT_IN / "furuta"
    head = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(head | {"fingerprint": "0" * 16}))
    with pytest.raises(ContractMismatchError, match=r"--robot FOLDER.*pretrain again"):
        robot_of(run)
