"""Windows and halves of episodes."""

import numpy as np
import pytest

from robot_mbrl.analysis.recordings import Recording, of_episode, sample_starts, split
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, read_episode


def numbered(first: int, ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """Observation and action t hold first + t."""
    count = first + np.arange(ticks + 1.0)[:, None]
    return count, count[:-1]


RECORDINGS = [Recording((numbered(0, 5), numbered(100, 3))), Recording((numbered(200, 2),))]


def test_transitions_do_not_cross_a_gap():
    r = RECORDINGS[0]
    assert r.obs[:, 0].tolist() == [0, 1, 2, 3, 4, 100, 101, 102]
    np.testing.assert_array_equal(r.next_obs, r.obs + 1)
    np.testing.assert_array_equal(r.action, r.obs)


def test_every_window_is_found_once_and_none_crosses_a_gap():
    starts = sample_starts(RECORDINGS, 2, 1000, np.random.default_rng(0))
    assert sorted(starts.obs[:, 0, 0]) == [0, 1, 2, 3, 100, 101, 200]
    np.testing.assert_array_equal(np.diff(starts.obs[..., 0]), 1)
    np.testing.assert_array_equal(starts.actions, starts.obs[:, :-1])
    assert starts.obs.shape == (7, 3, 1)


def test_fewer_windows_are_a_random_choice_without_repetition():
    draws = {
        tuple(sample_starts(RECORDINGS, 1, 4, np.random.default_rng(s)).obs[:, 0, 0])
        for s in range(20)
    }
    assert all(len(set(d)) == 4 for d in draws) and len(draws) > 5


def test_windows_longer_than_every_piece_are_refused():
    with pytest.raises(DataError, match="no episode has 6 ticks in a row"):
        sample_starts(RECORDINGS, 6, 10, np.random.default_rng(0))


def test_halves_share_no_episode():
    many = [Recording((numbered(k, 1),)) for k in range(9)]
    first, second = split(many, np.random.default_rng(0))
    assert len(first) == 5 and len(second) == 4
    assert {id(r) for r in first} | {id(r) for r in second} == {id(r) for r in many}
    with pytest.raises(DataError, match="at least 2"):
        split(many[:1], np.random.default_rng(0))


def test_recorded_episodes_are_cut_where_ticks_are_missing(tmp_path, furuta, ticks):
    header = EpisodeHeader.from_spec(furuta, kind="deploy", created="2026-01-02T03:04:05")
    with EpisodeWriter(tmp_path / "e.mcap", header) as writer:
        for k in (0, 1, 2, 5, 6):
            writer.write(ticks(k))
    pieces = of_episode(read_episode(tmp_path / "e.mcap", recover=True)).pieces
    assert [len(a) for _, a in pieces] == [2, 1]
    assert [len(o) for o, _ in pieces] == [3, 2]
