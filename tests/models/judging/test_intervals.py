"""Coverage, likelihood and scale of a Gaussian whose spread is known."""

import math

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import DataError, NotFiniteError, ShapeError
from robot_mbrl.models.fitting.fit import fit_normalizers
from robot_mbrl.models.fitting.noise_scale import calibrate_std
from robot_mbrl.models.judging.intervals import (
    LEVELS,
    coverage_curve,
    gaussian_nll,
    half_width,
    interval_scale,
)
from tests.support.linear_model import ensemble, transitions

ROWS = 20_000
TRUE = np.array([0.3, 2.0, 50.0])  # standard deviation per column


def errors(seed: int = 0) -> np.ndarray:
    return TRUE * np.random.default_rng(seed).standard_normal((ROWS, 3))


def bounds(level: float) -> float:
    """4 sigma of a share of `ROWS` independent rows."""
    return 4 * math.sqrt(level * (1 - level) / ROWS)


def test_half_widths_are_those_of_the_table_of_the_normal():
    table = {0.5: 0.67449, 0.6827: 1.0, 0.9: 1.64485, 0.95: 1.95996, 0.99: 2.57583}
    for level, width in table.items():
        assert half_width(level) == pytest.approx(width, abs=1e-4)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 90.0, math.nan])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(DataError, match="between 0 and 1"):
        half_width(level)


def test_coverage_of_a_true_spread_is_nominal_within_binomial_bounds():
    curve = coverage_curve(errors(), np.broadcast_to(TRUE, (ROWS, 3)))
    assert curve.shape == (len(LEVELS), 3)
    for level, shares in zip(LEVELS, curve, strict=True):
        np.testing.assert_allclose(shares, level, atol=bounds(level))


@pytest.mark.parametrize(("factor", "expected"), [(0.5, 0.5891), (1.0, 0.9), (2.0, 0.9990)])
def test_coverage_of_a_wrong_spread_is_that_of_the_normal(factor, expected):
    """P(|Z| < 1.645 f) = erf(1.645 f / sqrt 2)."""
    assert math.erf(1.6448536 * factor / math.sqrt(2)) == pytest.approx(expected, abs=1e-4)
    shares = coverage_curve(errors(), np.broadcast_to(factor * TRUE, (ROWS, 3)), [0.9])[0]
    np.testing.assert_allclose(shares, expected, atol=bounds(expected))


def test_nll_of_a_true_spread_is_the_entropy():
    entropy = np.log(TRUE) + 0.5 * (1 + math.log(2 * math.pi))
    measured = gaussian_nll(errors(), np.broadcast_to(TRUE, (ROWS, 3)))
    np.testing.assert_allclose(measured, entropy, atol=4 * math.sqrt(0.5 / ROWS))


def test_nll_of_one_row_by_hand_and_of_a_wrong_spread_is_larger():
    assert gaussian_nll(np.array([[2.0]]), np.array([[4.0]]))[0] == pytest.approx(
        0.125 + math.log(4) + 0.9189385, abs=1e-6
    )
    right, small, large = (
        gaussian_nll(errors(), np.broadcast_to(f * TRUE, (ROWS, 3))) for f in (1.0, 0.7, 1.4)
    )
    # Expected excess over the entropy at factor f: log f + (1 / f^2 - 1) / 2.
    np.testing.assert_allclose(small - right, math.log(0.7) + (1 / 0.49 - 1) / 2, atol=0.03)
    np.testing.assert_allclose(large - right, math.log(1.4) + (1 / 1.96 - 1) / 2, atol=0.03)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_scale_recovers_a_known_mis_scaling(level):
    factor = np.array([0.25, 1.0, 3.0])
    noise = np.broadcast_to((TRUE / factor) ** 2, (ROWS, 3))
    found = interval_scale(errors(), noise, np.zeros((ROWS, 3)), level)
    scale, untouched = found.noise, found.spread
    assert untouched.tolist() == [1, 1, 1]
    np.testing.assert_allclose(scale, factor, rtol=0.03)
    fresh = coverage_curve(errors(1), np.sqrt(noise) * scale, [level])[0]
    np.testing.assert_allclose(fresh, level, atol=math.sqrt(2) * bounds(level))


def test_the_scale_leaves_the_members_spread_alone():
    """Noise 3 that is called 1 beside a spread of 4, well known: total 5, scale 3."""
    noise, spread = np.full((ROWS, 1), 1.0), np.full((ROWS, 1), 16.0)
    error = 5 * np.random.default_rng(0).standard_normal((ROWS, 1))
    scale = interval_scale(error, noise, spread, 0.9)
    assert scale.noise[0] == pytest.approx(3.0, rel=0.04)
    assert scale.spread[0] == 1


def test_a_spread_that_covers_too_much_is_scaled_down():
    """Errors of 0.3 to 50 beside a spread of 1,000 and no noise worth the name."""
    noise, spread = np.full((ROWS, 3), 1e-6), np.full((ROWS, 3), 1e6)
    scale = interval_scale(errors(), noise, spread, 0.9)
    np.testing.assert_allclose(scale.noise, 0.2)
    np.testing.assert_allclose(scale.spread, TRUE / 1000, rtol=0.03)


def test_noise_has_a_least_scale_and_what_it_leaves_the_spread_takes():
    """Total 5: noise told as 20 counts 4, so of a spread of 30 a tenth is left, 3."""
    noise, spread = np.full((ROWS, 1), 400.0), np.full((ROWS, 1), 900.0)
    error = 5 * np.random.default_rng(0).standard_normal((ROWS, 1))
    scale = interval_scale(error, noise, spread, 0.9)
    assert scale.noise[0] == pytest.approx(0.2)
    assert scale.spread[0] == pytest.approx(0.1, rel=0.06)


def test_a_fitted_model_takes_its_scale_from_here():
    model, data = ensemble(), transitions(3001, 1)
    fit_normalizers(model, data)
    model.elites = torch.tensor([0, 2])
    scale = calibrate_std(model, data)
    obs, action = torch.as_tensor(data.obs), torch.as_tensor(data.action)
    with torch.no_grad():
        means, stds = model.increments(model.spread(obs), model.spread(action))
    means = means[model.elites].double().numpy()
    noise = ((stds[model.elites].double().numpy() / scale) ** 2).mean(0)
    dq = model.layout.increments(data.obs.astype(float), data.next_obs.astype(float))
    expected = interval_scale(dq - means.mean(0), noise, means.var(0), 0.9)
    np.testing.assert_allclose(scale, expected.noise, rtol=1e-3)
    np.testing.assert_allclose(model.spread_scale, expected.spread, rtol=1e-3)


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ShapeError):
        gaussian_nll(errors(), TRUE)
    with pytest.raises(NotFiniteError):
        coverage_curve(np.array([[math.nan]]), np.ones((1, 1)))
    with pytest.raises(NotFiniteError):
        coverage_curve(np.ones((1, 1)), np.array([[math.inf]]))
    with pytest.raises(DataError, match="above 0"):
        gaussian_nll(np.ones((1, 1)), np.zeros((1, 1)))
