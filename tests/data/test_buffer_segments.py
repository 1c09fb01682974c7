"""Windows and segments of a buffer are what one world did, in order, within an episode."""

import numpy as np

from robot_mbrl.data.buffer_segments import draw_windows, linked_segments, stride_of
from robot_mbrl.data.transitions import Transitions, concatenate


def buffer(worlds: int = 5, steps: int = 40, episode: int = 11) -> Transitions:
    """Worlds count their steps: obs = (world, episode, step), action = the step."""
    rows = []
    for t in range(steps):
        number, at = t // episode, t % episode
        obs = np.array([[w, number, at] for w in range(worlds)], np.float32)
        next_obs = obs + np.array([0, 0, 1], np.float32)
        action = np.full((worlds, 1), at, np.float32)
        rows.append(Transitions(obs, action, next_obs, np.zeros(worlds), np.zeros(worlds, bool)))
    return concatenate(rows)


def test_stride_is_the_number_of_worlds() -> None:
    assert stride_of(buffer(worlds=5)) == 5
    assert stride_of(buffer(worlds=1)) == 1


def test_a_window_is_one_world_in_order() -> None:
    windows = draw_windows(buffer(), 6, 50, np.random.default_rng(0))
    assert len(windows) > 20
    for obs, action in zip(windows.obs, windows.action, strict=True):
        assert obs.shape == (7, 3) and action.shape == (6, 1)
        assert (obs[:, :2] == obs[0, :2]).all()  # same world, same episode
        np.testing.assert_array_equal(np.diff(obs[:, 2]), 1)
        np.testing.assert_array_equal(action[:, 0], obs[:-1, 2])


def test_worlds_and_seeds_differ() -> None:
    windows = draw_windows(buffer(), 3, 60, np.random.default_rng(0))
    assert set(windows.obs[:, 0, 0].astype(int)) == set(range(5))
    again = draw_windows(buffer(), 3, 60, np.random.default_rng(0))
    np.testing.assert_array_equal(windows.obs, again.obs)
    other = draw_windows(buffer(), 3, 60, np.random.default_rng(1))
    assert (windows.obs[:50] != other.obs[:50]).any()


def test_nothing_is_longer_than_an_episode() -> None:
    assert len(draw_windows(buffer(episode=4), 5, 10, np.random.default_rng(0))) == 0
    assert len(draw_windows(buffer(episode=4), 4, 10, np.random.default_rng(0))) > 0


def test_shuffled_rows_have_no_windows() -> None:
    data = buffer()
    mixed = data.take(np.random.default_rng(0).permutation(len(data))[:20])
    broken = Transitions(
        mixed.obs, mixed.action, mixed.next_obs + 0.5, mixed.reward, mixed.terminated
    )
    assert stride_of(broken) == 0
    none = draw_windows(broken, 2, 5, np.random.default_rng(0))
    assert none.obs.shape == (0, 3, 3) and none.action.shape == (0, 2, 1)


def test_linked_segments_are_the_chosen_rows_between_episodes_ends() -> None:
    one = buffer(worlds=1, steps=13, episode=5)  # episodes of 5, 5 and 3 rows
    chosen = np.array([0, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 1], bool)
    segments = linked_segments(one, chosen)
    assert [len(s) for s in segments] == [4, 2, 1, 1]
    for s, (number, at) in zip(segments, [(0, 1), (1, 0), (1, 3), (2, 2)], strict=True):
        assert s.obs.tolist() == [[0, number, at + k] for k in range(len(s) + 1)]
        assert s.action[:, 0].tolist() == [at + k for k in range(len(s))]


def test_without_a_chosen_row_there_is_no_segment() -> None:
    one = buffer(worlds=1, steps=4)
    assert linked_segments(one, np.zeros(4, bool)) == []
    assert linked_segments(one.take(slice(0)), np.zeros(0, bool)) == []
