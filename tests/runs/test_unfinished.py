"""`bench learn` that is killed goes on with the same command, and says so when it cannot."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launch.studies import learn as bench_learn
from launch.studies.learn import Settings, measure_learning
from robot_mbrl.contract.errors import DataError
from robot_mbrl.runs.same_settings import check_unchanged, differences

BENCH = Settings(steps=150, seeds=(0, 1), episodes=1)  # all of them random steps
Numbers = dict[str, float]


class KilledError(Exception):
    """Stands for kill -9; tests/test_resume.py has the real one."""


def told(seen: list[str], last: tuple[str, int] | None = None) -> Callable[..., Any]:
    """Stands for the progress shown; notes the steps done, kills after the `last`."""

    @contextlib.contextmanager
    def progress(title: str) -> Iterator[Callable[[str, int, int, Numbers], None]]:
        def report(phase: str, done: int, total: int, numbers: Numbers) -> None:
            seen.append(f"{title} {done}")
            if last and title.endswith(last[0]) and done == last[1]:
                raise KilledError

        yield report

    return progress


def results(out: Path) -> Any:
    """What was written, without the time that it took."""
    result = json.loads(out.read_text())
    for run in result["runs"]:
        for record in run["curve"]:
            record.pop("cpu_s")
    return result


def test_a_killed_bench_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = replace(BENCH, out=tmp_path / "whole.json"), tmp_path / "killed.json"
    measure_learning(whole)
    killed, seen = replace(BENCH, out=out), list[str]()
    monkeypatch.setattr(bench_learn, "progress", told(seen, ("seed 1", 120)))
    with pytest.raises(KilledError):
        measure_learning(killed)
    assert not out.exists()
    folder = tmp_path / "killed.unfinished"
    assert (folder / "seed-0.json").exists() and not (folder / "seed-1.json").exists()
    with pytest.raises(DataError, match=r"episodes: the run has 1, asked for 2"):
        measure_learning(replace(killed, episodes=2))
    seen.clear()
    monkeypatch.setattr(bench_learn, "progress", told(seen))
    measure_learning(killed)
    assert seen == [f"Pendulum-v1 seed 1 {step}" for step in range(101, 151)]
    assert results(out) == results(tmp_path / "whole.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed.json", "whole.json"]


def test_a_finished_bench_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, seen = replace(BENCH, seeds=(0,), out=tmp_path / "new" / "learn.json"), list[str]()
    monkeypatch.setattr(bench_learn, "progress", told(seen))
    measure_learning(bench)
    measure_learning(bench)
    assert len(seen) == 2 * 150


def test_settings_that_differ_are_all_named() -> None:
    old = {"a": {"b": 1, "c": (1, 2)}, "d": float("inf")}
    assert differences(old, {"a": {"b": 1, "c": [1, 2]}, "d": float("inf")}) == []
    changed = differences(old, old | {"a": {"b": 2, "c": (1, 2)}, "e": 3})
    assert changed == ["a.b: the run has 1, asked for 2", "e: the run has None, asked for 3"]
    check_unchanged(Path("x"), [])
    with pytest.raises(DataError, match=r"x: .* other settings \(a\.b: .*; e: .*\)"):
        check_unchanged(Path("x"), changed)
