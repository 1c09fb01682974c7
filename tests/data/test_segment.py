"""A segment is one row longer in observations than in actions."""

import numpy as np
import pytest

from robot_mbrl.contract.errors import ShapeError
from robot_mbrl.data.segment import Segment, long_enough, transitions_of


def numbered(first: int, ticks: int) -> Segment:
    """Observation and action t hold first + t."""
    count = first + np.arange(ticks + 1.0)[:, None]
    return Segment(count, count[:-1])


class Task:
    def reward(self, next_obs, action):
        return next_obs[:, 0] + 10 * action[:, 0]

    def terminated(self, next_obs):
        return next_obs[:, 0] > 2.5


@pytest.mark.parametrize("rows", [2, 4])
def test_lengths_must_fit(rows: int) -> None:
    with pytest.raises(ShapeError, match="obs"):
        Segment(np.zeros((rows, 2)), np.zeros((2, 1)))


def test_part_of_it() -> None:
    part = numbered(0, 6).take(2, 4)
    assert len(part) == 2
    assert part.obs[:, 0].tolist() == [2, 3, 4] and part.action[:, 0].tolist() == [2, 3]


def test_transitions_do_not_cross_a_gap() -> None:
    t = transitions_of([numbered(0, 3), numbered(100, 2)])
    assert t.obs[:, 0].tolist() == [0, 1, 2, 100, 101]
    np.testing.assert_array_equal(t.next_obs, t.obs + 1)
    np.testing.assert_array_equal(t.action, t.obs)
    assert not t.reward.any() and not t.terminated.any() and t.obs.dtype == np.float32


def test_a_task_rewards_what_comes_after() -> None:
    t = numbered(0, 3).transitions(Task())
    assert t.reward.tolist() == [1, 12, 23]
    assert t.terminated.tolist() == [False, False, True]


def test_long_enough() -> None:
    assert [len(s) for s in long_enough([numbered(0, n) for n in (1, 3, 2)], 2)] == [3, 2]
