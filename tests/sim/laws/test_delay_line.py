"""A delay line gives back what was put in, late."""

import numpy as np

from sim.laws.delay_line import EVERY, DelayLine


def test_reads_what_was_put_in_so_many_steps_ago() -> None:
    line = DelayLine((2, 1), max_lag=3)
    for value in (1.0, 2.0, 4.0, 8.0, 16.0):
        line.put(np.array([[[value]], [[-value]]]))
    for lag, expected in [(0, 16.0), (1, 8.0), (1.5, 6.0), (2.25, 3.5), (3, 2.0)]:
        line.set_lag(np.array([[float(lag)], [0.0]]), EVERY)
        np.testing.assert_array_equal(line.read(), [[expected], [-16.0]])


def test_filled_worlds_have_always_been_there_and_others_go_on() -> None:
    line = DelayLine((3, 2), max_lag=4)
    line.put(np.ones((3, 1, 2)))
    line.fill(np.array([[7.0, 8.0]]), np.array([1]))
    for lag in (0.0, 2.3, 4.0):
        line.set_lag(np.full((3, 1), lag), EVERY)
        np.testing.assert_array_equal(line.read()[1], [7.0, 8.0])
    line.set_lag(np.zeros((2, 1)), np.array([0, 2]))
    np.testing.assert_array_equal(line.read(np.array([0, 2])), 1.0)


def test_a_whole_lag_keeps_every_bit() -> None:
    line = DelayLine((1, 1), max_lag=2)
    line.put(np.array([[[0.1], [1e30]]]))
    assert line.read() == 1e30
    line.set_lag(np.array([[1.0]]), EVERY)
    assert line.read() == 0.1
