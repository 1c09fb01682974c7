"""Where a run came from, and what a line of finetunings learned from."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from robot_mbrl.runs.lineage import (
    ancestors,
    kept_out_of,
    learned_from,
    parent_of,
    run_lineage,
    without,
)
from robot_mbrl.runs.run_folder import RunFolder


def make_run(path: Path, lineage: dict[str, Any] | None, kept_out: list[str]) -> Path:
    path.mkdir()
    folder = RunFolder(path)
    head = {"lineage": lineage} if lineage else {}
    robot = {"robot": "furuta", "robot_folder": ".", "fingerprint": "f", "seed": 3}
    folder.write_json("config.json", head | robot)
    folder.write_json("state.json", {"finished": True})
    if lineage:
        folder.write_json("finetune.json", {"holdout_episodes": kept_out})
    return path


def test_a_run_from_simulation_learned_from_no_episode(tmp_path):
    assert learned_from(make_run(tmp_path / "a", None, [])) == set()
    assert kept_out_of(tmp_path / "a") == set()


def test_the_whole_line_counts_and_what_was_kept_out_does_not(tmp_path):
    first = {"run": str(tmp_path / "a"), "episodes": {"1": "one", "2": "two"}}
    b = make_run(tmp_path / "b", first, ["2"])
    second = {"run": str(b), "episodes": {"3": "three", "4": "four"}, "parent": first}
    c = make_run(tmp_path / "c", second, ["4"])
    assert learned_from(b) == {"one"}
    assert learned_from(c) == {"one", "three"}
    assert kept_out_of(b) == {"two"} and kept_out_of(c) == {"four"}


def test_where_a_folder_is_gone_all_its_episodes_count(tmp_path):
    first = {"run": "gone", "episodes": {"1": "one", "2": "two"}}
    second = {"run": str(tmp_path / "gone"), "episodes": {}, "parent": first}
    assert learned_from(make_run(tmp_path / "c", second, [])) == {"one", "two"}


def test_an_episode_is_known_by_its_content_wherever_it_lies(tmp_path):
    for name in ("here", "moved"):
        (tmp_path / name).write_bytes(b"ticks")
    (tmp_path / "other").write_bytes(b"tocks")
    given = {n: SimpleNamespace(path=tmp_path / n) for n in ("here", "moved", "other")}
    learned = {hashlib.sha256(b"ticks").hexdigest()}
    assert list(without(given, learned)) == ["other"]
    assert list(without(given, set())) == ["here", "moved", "other"]


def test_a_line_of_runs_is_found_from_any_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a = make_run(Path("a"), None, [])
    b = make_run(Path("b"), run_lineage(a, Path("b")), [])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert parent_of(tmp_path / "b") == tmp_path / "a"
    assert ancestors(tmp_path / "b") == [tmp_path / "a", tmp_path / "b"]
    assert parent_of(tmp_path / "a") is None and b == Path("b")


def test_runs_that_were_moved_together_find_each_other(tmp_path):
    (tmp_path / "before").mkdir()
    a = make_run(tmp_path / "before" / "a", None, [])
    lineage = run_lineage(a, tmp_path / "before" / "b") | {"episodes": {"1": "one"}}
    b = make_run(tmp_path / "before" / "b", lineage, [])
    later = run_lineage(b, tmp_path / "before" / "c") | {"episodes": {"2": "two"}}
    make_run(tmp_path / "before" / "c", later, [])
    (tmp_path / "before").rename(tmp_path / "after")
    after = tmp_path / "after"
    assert ancestors(after / "c") == [after / "a", after / "b", after / "c"]
    assert learned_from(after / "c") == {"one", "two"}
