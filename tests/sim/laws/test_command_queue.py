"""Commands arrive after their lag, none overtakes another."""

import numpy as np

from sim.laws.command_queue import CommandQueue


def send(queue: CommandQueue, value: float, lag: list[int], steps: int) -> list[list[float]]:
    shape = (len(lag), 1)
    late = queue.send(np.full(shape, value), np.array(lag)[:, None], steps)
    return late[..., 0].tolist()


def test_a_held_command_comes_into_force_after_its_lag() -> None:
    queue = CommandQueue((3, 1), longest=3)
    assert send(queue, 1.0, [0, 2, 3], 4) == [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
    assert send(queue, 5.0, [0, 2, 3], 3) == [[5, 5, 5], [1, 1, 5], [1, 1, 1]]
    assert send(queue, 7.0, [0, 2, 3], 1) == [[7], [5], [5]]


def test_lags_longer_than_a_period_keep_the_order() -> None:
    queue = CommandQueue((1, 1), longest=5)
    found = [send(queue, value, [5], 2)[0] for value in (1.0, 2.0, 3.0, 4.0)]
    assert found == [[0, 0], [0, 0], [0, 1], [1, 2]]


def test_a_faster_command_waits_for_the_slower_one_before_it() -> None:
    """Sent after 2 steps with lag 0, it comes into force with the one that is due after 4."""
    queue = CommandQueue((1, 1), longest=4)
    assert send(queue, 1.0, [4], 2) == [[0, 0]]
    assert send(queue, 2.0, [0], 4) == [[0, 0, 2, 2]]
    assert send(queue, 3.0, [0], 1) == [[3]]


def test_filled_worlds_have_always_had_their_command() -> None:
    queue = CommandQueue((2, 1), longest=2)
    send(queue, 1.0, [2, 2], 1)
    queue.fill(np.array([[9.0]]), np.array([1]))
    assert send(queue, 4.0, [2, 2], 3) == [[0, 1, 4], [9, 9, 4]]
