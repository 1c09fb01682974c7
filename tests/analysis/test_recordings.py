"""Segments and halves of episodes."""

import numpy as np
import pytest

from robot_mbrl.analysis.recordings import Recording, of_episode, segments_of, split
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Segment, read_episode


def numbered(first: int, ticks: int) -> Segment:
    """Observation and action t hold first + t."""
    count = first + np.arange(ticks + 1.0)[:, None]
    return Segment(count, count[:-1])


RECORDINGS = [Recording((numbered(0, 5), numbered(100, 3))), Recording((numbered(200, 2),))]


def test_transitions_do_not_cross_a_gap():
    r = RECORDINGS[0]
    assert r.obs[:, 0].tolist() == [0, 1, 2, 3, 4, 100, 101, 102]
    np.testing.assert_array_equal(r.next_obs, r.obs + 1)
    np.testing.assert_array_equal(r.action, r.obs)


def test_segments_of_all_are_in_order():
    assert [s.obs[0, 0] for s in segments_of(RECORDINGS)] == [0, 100, 200]


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
    segments = of_episode(read_episode(tmp_path / "e.mcap", recover=True)).segments
    assert [len(s) for s in segments] == [2, 1]
    assert [len(s.obs) for s in segments] == [3, 2]
