import numpy as np
import pytest

from robot_mbrl.contract.errors import ShapeError
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.transitions import Transitions, concatenate


def numbered(start: int, stop: int) -> Transitions:
    """Transitions whose every entry tells their number."""
    n = np.arange(start, stop, dtype=np.float32)
    obs = np.stack([n, n + 0.25, n + 0.5], -1)
    return Transitions(obs, -n[:, None] * [1, 2], obs + 1, n * 10, n.astype(int) % 2 == 1)


def same(a: Transitions, b: Transitions) -> None:
    for name in ("obs", "action", "next_obs", "reward", "terminated"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("sizes", [[4], [7], [3, 4], [5, 5], [6, 1, 6, 1], [9], [3, 20], [7, 7, 7]])
def test_holds_the_newest_in_order(sizes: list[int]) -> None:
    buffer, total = ReplayBuffer(3, 2, 7), 0
    for size in sizes:
        buffer.add(numbered(total, total + size))
        total += size
    assert len(buffer) == min(total, 7)
    same(buffer.all(), numbered(max(0, total - 7), total))


def test_rows_split_into_what_went_in() -> None:
    buffer = ReplayBuffer(3, 2, 9)
    buffer.add(numbered(0, 5))
    t = buffer.split(buffer.rows[2:4])
    same(t, numbered(2, 4))
    assert t.terminated.dtype == bool


def test_samples_are_uniform_over_what_is_held() -> None:
    buffer = ReplayBuffer(3, 2, 7)
    buffer.add(numbered(0, 10))
    drawn = buffer.split(buffer.sample(7000, np.random.default_rng(0))).obs[:, 0]
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == list(range(3, 10))
    assert (np.abs(counts - 1000) < 150).all()
    again = buffer.split(buffer.sample(7000, np.random.default_rng(0))).obs[:, 0]
    np.testing.assert_array_equal(drawn, again)


def test_adding_nothing_changes_nothing_and_clear_forgets() -> None:
    buffer = ReplayBuffer(3, 2, 7)
    buffer.add(numbered(0, 3))
    buffer.add(numbered(0, 0))
    same(buffer.all(), numbered(0, 3))
    buffer.clear()
    assert len(buffer) == 0
    buffer.add(numbered(5, 6))
    same(buffer.all(), numbered(5, 6))


def test_transitions_check_that_lengths_agree() -> None:
    t = numbered(0, 4)
    with pytest.raises(ShapeError, match=r"reward: expected shape \(4"):
        Transitions(t.obs, t.action, t.next_obs, t.reward[:, None], t.terminated)
    with pytest.raises(ShapeError, match=r"next_obs: expected shape \(4, 3\), got \(3, 3\)"):
        Transitions(t.obs, t.action, t.next_obs[:3], t.reward, t.terminated)


def test_take_and_concatenate() -> None:
    t = numbered(0, 6)
    same(concatenate([t.take(slice(0, 2)), t.take(np.array([2, 3])), t.take(slice(4, None))]), t)
    assert len(t.take(t.terminated)) == 3
