"""Windows of segments that count their ticks."""

import numpy as np
import pytest

from robot_mbrl.contract.errors import DataError, ShapeError
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.windows import Windows


def numbered(first: int, ticks: int) -> Segment:
    """Observation and action t hold first + t."""
    count = first + np.arange(ticks + 1.0)[:, None]
    return Segment(count, count[:-1])


SEGMENTS = [numbered(0, 5), numbered(100, 3), numbered(300, 1), numbered(200, 2)]


def test_every_window_is_cut_in_order_and_none_crosses_a_gap() -> None:
    windows = Windows.cut(SEGMENTS, 2)
    assert windows.obs[:, 0, 0].tolist() == [0, 1, 2, 3, 100, 101, 200]
    assert windows.obs.shape == (7, 3, 1) and windows.action.shape == (7, 2, 1)
    np.testing.assert_array_equal(np.diff(windows.obs[..., 0]), 1)
    np.testing.assert_array_equal(windows.action, windows.obs[:, :-1])
    assert len(windows) == 7 and windows.ticks == 2


def test_a_sample_of_all_is_every_window_once() -> None:
    drawn = Windows.sample(SEGMENTS, 2, 1000, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.obs, Windows.cut(SEGMENTS, 2).obs)
    np.testing.assert_array_equal(drawn.action, Windows.cut(SEGMENTS, 2).action)


def test_fewer_windows_are_a_random_choice_without_repetition() -> None:
    draws = {
        tuple(Windows.sample(SEGMENTS, 1, 4, np.random.default_rng(s)).obs[:, 0, 0])
        for s in range(20)
    }
    assert all(len(set(d)) == 4 for d in draws) and len(draws) > 5


@pytest.mark.parametrize("cut", [Windows.cut, lambda s, k: Windows.sample(s, k, 9, None)])
def test_windows_longer_than_every_segment_are_refused(cut) -> None:
    with pytest.raises(DataError, match="no segment has 6 ticks in a row, the longest of 4 has 5"):
        cut(SEGMENTS, 6)
    with pytest.raises(DataError, match="record longer"):
        cut([], 1)


def test_first_ticks_and_chosen_windows() -> None:
    windows = Windows.cut(SEGMENTS, 3)
    short = windows.first(1).take(np.array([2, 0]))
    assert short.obs[..., 0].tolist() == [[2, 3], [0, 1]]
    assert short.action[..., 0].tolist() == [[2], [0]]


def test_numbers_must_agree() -> None:
    with pytest.raises(ShapeError, match="obs"):
        Windows(np.zeros((2, 3, 1)), np.zeros((2, 3, 1)))
