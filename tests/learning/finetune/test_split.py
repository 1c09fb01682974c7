"""What is kept out: whole episodes of many, parts of few, and never a row of both sides."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import check_calibration
from robot_mbrl.contract.errors import (
    CalibrationError,
    ContractMismatchError,
    DataError,
    SettingsError,
)
from robot_mbrl.data import EpisodeHeader
from robot_mbrl.data.segment import Segment
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.split import Split, check_episodes, hold_out

SMALL = FinetuneConfig(error_steps=4, part_ticks=10, holdout=0.25)


def numbered(rows: int, first: int = 0) -> Segment:
    return Segment(np.arange(first, first + rows, dtype=float)[:, None], np.zeros((rows - 1, 1)))


def rows(segments: list[Segment]) -> set[float]:
    return {x for s in segments for x in s.obs[:, 0]}


def split(episodes: dict[str, list[Segment]], config: FinetuneConfig = SMALL) -> Split:
    return hold_out(episodes, config, np.random.default_rng(config.seed))


def test_of_many_episodes_whole_ones_are_kept_out() -> None:
    episodes = {f"{k}": [numbered(9, 100 * k), numbered(3, 100 * k + 50)] for k in range(8)}
    s = split(episodes)
    assert len(s.held_episodes) == 2
    assert rows(s.held) == {x for name in s.held_episodes for x in rows(episodes[name])}
    assert rows(s.train) | rows(s.held) == {x for e in episodes.values() for x in rows(e)}
    assert not rows(s.train) & rows(s.held)


def test_episodes_too_short_to_predict_in_are_neither() -> None:
    episodes = {f"{k}": [numbered(9, 100 * k)] for k in range(4)}
    s = split(episodes | {"short": [numbered(4, 1000)], "empty": []})
    assert "short" not in s.held_episodes and not rows(s.train + s.held) & rows([numbered(4, 1000)])


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_of_few_long_runs_parts_are_kept_out_and_share_no_row(runs: int) -> None:
    episodes = {f"{k}": [numbered(80, 200 * k), numbered(3, 200 * k + 100)] for k in range(runs)}
    held = []
    for seed in range(4):
        s = split(episodes, replace(SMALL, seed=seed))
        assert s.held_episodes == ()
        assert not rows(s.train) & rows(s.held)
        assert len(rows(s.train) | rows(s.held)) == 83 * runs
        held.append(rows(s.held))
    assert len(set.union(*held)) == 80 * runs  # what is too short to predict in is never kept out


def test_neighbouring_parts_are_joined() -> None:
    """So that windows may cross the border of two parts on the same side."""
    s = split({"one": [numbered(80)]})
    assert [len(t) for t in s.train] == [29, 29]
    assert [len(h) for h in s.held] == [9, 9]


def test_how_many_episodes_are_few_is_a_setting() -> None:
    episodes = {f"{k}": [numbered(80, 200 * k)] for k in range(3)}
    assert split(episodes).held_episodes == ()
    assert len(split(episodes, replace(SMALL, whole_episodes=3)).held_episodes) == 1


@pytest.mark.parametrize(
    "episodes", [{}, {"a": []}, {"a": [numbered(9)]}, {"a": [numbered(4)] * 9}]
)
def test_too_little_is_an_error(episodes: dict[str, list[Segment]]) -> None:
    with pytest.raises(DataError, match="collect"):
        split(episodes)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"holdout": 0.0}, "holdout"),
        ({"holdout": 0.6}, "holdout"),
        ({"part_ticks": 4}, "part_ticks"),
    ],
)
def test_settings_that_leave_nothing_are_refused(change: dict[str, float], name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        replace(SMALL, **change)


def recorded_on(spec: RobotSpec) -> Any:
    header = EpisodeHeader.from_spec(spec, kind="collect", created="now")
    return SimpleNamespace(metadata=header)


def test_episodes_of_another_robot_are_refused() -> None:
    episode = recorded_on(load_robot("arm"))
    with pytest.raises(ContractMismatchError, match="there: recorded on robot 'arm'"):
        check_episodes({"there": episode}, load_robot("furuta"))
    check_episodes({"there": episode}, load_robot("arm"))


def test_episodes_whose_angles_begin_elsewhere_are_refused() -> None:
    furuta = load_robot("furuta")
    raw = {"robot": "furuta", "joint_offset_rad": {"arm": 0.1}}
    calibrated = furuta.with_calibration(check_calibration(raw, furuta))
    one, other = recorded_on(furuta), recorded_on(calibrated)
    check_episodes({"one": one}, furuta)
    check_episodes({"other": other}, calibrated)
    message = "other: recorded with joint offsets arm 0.1 rad, pendulum 0 rad.*--calibration"
    with pytest.raises(CalibrationError, match=message):
        check_episodes({"one": one, "other": other}, furuta)
    with pytest.raises(CalibrationError, match="one: "):
        check_episodes({"one": one, "other": other}, calibrated)
    log = EpisodeHeader.from_spec(furuta, kind="import", created="now")  # of unknown zeros
    check_episodes({"log": cast(Any, SimpleNamespace(metadata=log))}, calibrated)
