"""Correlated noise: its deviation, its correlation, and its state in the open."""

import numpy as np
import pytest

from robot_mbrl.contract.noise import CorrelatedNoise, correlated_noise


def test_noise_has_the_asked_deviation_and_correlation() -> None:
    """n' = .8 n + .6 e is stationary with variance 1 and correlation .8 from tick to tick."""
    noise = CorrelatedNoise(1, 0.3, np.random.default_rng(0))
    noise.reset()
    x = np.array([noise.sample()[0] for _ in range(40_000)])
    assert x.std() == pytest.approx(0.3, rel=0.03)
    assert np.corrcoef(x[1:], x[:-1])[0, 1] == pytest.approx(0.8, abs=0.02)


def test_many_worlds_are_one_array_and_independent() -> None:
    rng = np.random.default_rng(1)
    x = np.zeros((20_000, 2))
    for _ in range(30):
        x = correlated_noise(x, rng)
    assert x.shape == (20_000, 2)
    assert x.std(0) == pytest.approx([1.0, 1.0], rel=0.03)
    assert abs(np.corrcoef(x.T)[0, 1]) < 0.03


def test_a_reset_starts_anew_from_the_stationary_distribution() -> None:
    noise = CorrelatedNoise(20_000, 2.0, np.random.default_rng(2))
    noise.reset()
    first = noise.sample()
    noise.reset()
    again = noise.sample()
    assert first.std() == pytest.approx(2.0, rel=0.03)
    assert abs(np.corrcoef(first, again)[0, 1]) < 0.03


def test_same_generator_same_noise() -> None:
    made = [CorrelatedNoise(3, 1.0, np.random.default_rng(s)) for s in (4, 4, 5)]
    a, b, c = (np.array([n.sample() for _ in range(5)]) for n in made)
    np.testing.assert_array_equal(a, b)
    assert (a != c).all()
