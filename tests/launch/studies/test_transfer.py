"""Where `bench transfer` writes: under a name of the reality, whatever path it was given by."""

import json
from pathlib import Path
from typing import Any

import pytest

import launch.studies.transfer as study
from launch.main import main
from robot_mbrl.contract.description.read_robot import BUILT_IN, load_robot

ROW = {"success": 0.0, "return": 1.0, "episodes": 2, "stops": [], "alarms": 0}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every folder and file that parts of the study would write; nothing is learned."""
    paths: list[Path] = []

    def note(path: Path) -> Path:
        paths.append(path)
        return path

    def deployed(s: Any, spec: Any, reality: str, name: str, run: Path, file: Path, n: int, m: int):  # type: ignore[no-untyped-def]
        note(file)
        return {"name": name, "run": str(run), "transitions": n} | ROW

    def add_errors(s: Any, spec: Any, reality: str, rows: list[dict[str, Any]], out: Path) -> None:
        note(out)
        for row in rows:
            row |= {"error_rad": 0.1, "explored_error_rad": 0.1}

    monkeypatch.setattr(study, "pretrain_oracle", lambda s, spec, reality, out: note(out))
    monkeypatch.setattr(study, "deployed", deployed)
    monkeypatch.setattr(
        study, "record_round", lambda s, spec, reality, file, folder, *_: note(folder)
    )
    monkeypatch.setattr(study, "finetuned", lambda s, folders, out, changes: note(out))
    monkeypatch.setattr(study, "add_errors", add_errors)
    return paths


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """As much of a run folder as the study itself reads."""
    fingerprint = load_robot("furuta").fingerprint
    head = {"robot": "furuta", "robot_folder": str(BUILT_IN / "furuta"), "seed": 0}
    head["fingerprint"] = fingerprint
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps(head))
    return tmp_path / "run"


@pytest.mark.parametrize("given", ["absolute", "relative"])
def test_an_own_reality_file_is_kept_under_its_name(
    given: str, run: Path, written: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "my machines" / "Mine.toml"
    mine.parent.mkdir()
    mine.write_text("seed = 3\n")
    monkeypatch.chdir(tmp_path)
    path = str(mine if given == "absolute" else mine.relative_to(tmp_path))
    args = ["--run", str(run), "--out", "results", "--realities", "heavy", path]
    assert main(["bench", "transfer", *args]) == 0
    places = {p.parts[1] for p in written}
    assert places == {"heavy", "mine"} and all(p.parts[0] == "results" for p in written)
    rows = json.loads((tmp_path / "results" / "transfer.json").read_text())
    assert [r["reality"] for r in rows] == ["heavy"] * 7 + ["mine"] * 7


def test_two_of_one_name_end_before_anything_is_done(
    run: Path, written: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.toml").write_text("seed = 3\n")
    files = [str(tmp_path / f / "mine.toml") for f in ("a", "b")]
    args = ["--run", str(run), "--out", str(tmp_path / "results"), "--realities", *files]
    assert main(["bench", "transfer", *args]) == 1
    assert "both be kept under the name 'mine'" in capsys.readouterr().err
    assert not written
