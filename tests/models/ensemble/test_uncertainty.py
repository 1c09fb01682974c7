"""Epistemic and aleatoric spread of ensembles whose parts are set by hand."""

import numpy as np
import pytest
import torch

from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.uncertainty import Uncertainty, estimate_uncertainty, mixture
from robot_mbrl.models.fitting.fit import FitConfig, Source, fit_ensemble, fit_normalizers
from tests.support.linear_model import NOISE, ensemble, transitions

OBS = transitions(50, 3).obs
ACTION = transitions(50, 3).action


def by_hand(means: list[float], stds: list[float], elites: list[int]) -> DynamicsEnsemble:
    """Members that predict the same everywhere, in normalized units; unit 0.1 and 2 rad."""
    model = ensemble(members=len(means))
    model.outputs.std.copy_(torch.tensor([0.1, 2.0]))
    model.elites = torch.tensor(elites)
    mean, std = (torch.tensor(v)[:, None, None] for v in (means, stds))
    shape = (len(means), len(OBS), 2)
    model.residual = lambda obs, action: (mean.expand(shape), std.log().expand(shape))  # type: ignore[method-assign]
    return model


def test_law_of_total_variance():
    """Means 1 and 3, standard deviations 2 and 4: variance 1 between, (4 + 16) / 2 within."""
    model = by_hand([1.0, 3.0, 99.0], [2.0, 4.0, 99.0], elites=[0, 1])
    u = estimate_uncertainty(model, OBS, ACTION).normalized()
    np.testing.assert_allclose(u.epistemic, 1.0, rtol=1e-4)
    np.testing.assert_allclose(u.aleatoric, np.sqrt(10), rtol=1e-4)
    np.testing.assert_allclose(u.total, np.sqrt(11), rtol=1e-4)


def test_draws_of_the_mixture_spread_as_told():
    rng = np.random.default_rng(0)
    member = rng.integers(2, size=200_000)
    draws = np.array([1.0, 3.0])[member] + np.array([2.0, 4.0])[member] * rng.standard_normal(
        len(member)
    )
    u = estimate_uncertainty(by_hand([1.0, 3.0], [2.0, 4.0], [0, 1]), OBS, ACTION).normalized()
    assert draws.std() == pytest.approx(u.total[0, 0], rel=0.01)


def test_total_is_the_mixture_that_innovations_are_judged_by():
    model, scale = ensemble(), torch.tensor([0.5, 1.0])
    model.elites = torch.tensor([0, 2])
    model.spread_scale.copy_(scale)
    u = estimate_uncertainty(model, OBS, ACTION)
    obs, action = torch.as_tensor(OBS), torch.as_tensor(ACTION)
    with torch.no_grad():
        means, stds = model.increments(model.spread(obs), model.spread(action))
    mean, std = mixture(means[model.elites].double(), stds[model.elites].double(), scale)
    np.testing.assert_allclose(u.mean, mean.numpy(), rtol=1e-9)
    np.testing.assert_allclose(u.total, std.numpy(), rtol=1e-9)


def test_disagreement_is_the_one_that_planner_and_supervisor_see():
    model = ensemble()
    model.elites = torch.tensor([0, 2])
    obs, action = torch.as_tensor(OBS), torch.as_tensor(ACTION)
    with torch.no_grad():
        means, _ = model.increments(model.spread(obs), model.spread(action))
        expected = model.disagreement(means).numpy()
    u = estimate_uncertainty(model, OBS, ACTION)
    np.testing.assert_allclose(u.disagreement, expected, rtol=1e-3)


def test_units():
    """rad = unit * normalized; the observed velocity moves by alpha / dt of the increment."""
    u = estimate_uncertainty(by_hand([1.0, 3.0], [2.0, 4.0], [0, 1]), OBS, ACTION)
    np.testing.assert_allclose(u.epistemic[0], [0.1, 2.0], rtol=1e-4)
    np.testing.assert_allclose(u.normalized().epistemic[0], [1.0, 1.0], rtol=1e-4)
    np.testing.assert_allclose(u.of_velocity().epistemic[0], [0.1 * 40, 2.0 * 30], rtol=1e-4)
    back = u.normalized().of_velocity()
    np.testing.assert_allclose(back.aleatoric, u.of_velocity().aleatoric)


def test_velocity_units_are_those_of_the_layout():
    model = ensemble()
    u, nudge = estimate_uncertainty(model, OBS, ACTION), 1e-4
    dq = np.zeros((len(OBS), 2))
    layout = model.layout
    moved = layout.velocities(layout.advance(OBS.astype(float), dq + nudge, ACTION))
    still = layout.velocities(layout.advance(OBS.astype(float), dq, ACTION))
    np.testing.assert_allclose(u.velocity_gain, ((moved - still) / nudge)[0], rtol=1e-6)


def test_scaling_intervals_leaves_disagreement_alone():
    ones = np.ones(2)
    u = Uncertainty(*(np.full((3, 2), v) for v in (0.0, 4.0, 1.0)), ones, ones, ones)
    scaled = u.rescaled(np.array([3.0, 0.0]), np.array([1.0, 0.25]))
    np.testing.assert_allclose(scaled.epistemic, 4.0)
    np.testing.assert_allclose(scaled.disagreement, u.disagreement)
    np.testing.assert_allclose(scaled.total[0], [5.0, 1.0])


def test_noise_is_aleatoric_and_missing_data_are_epistemic():
    """A fitted model: noise as injected where there are data, disagreement where there are none."""
    train, held = transitions(3000, 0), transitions(500, 1)
    model = ensemble(members=4, hidden=24)
    fit_normalizers(model, train)
    rng = np.random.default_rng(0)
    fit_ensemble(model, [Source(train, 1.0)], held, FitConfig(steps=400, elites=4), rng)
    inside = estimate_uncertainty(model, held.obs, held.action)
    far = transitions(500, 2, spread=5.0)
    outside = estimate_uncertainty(model, far.obs, far.action)
    np.testing.assert_allclose(np.median(inside.aleatoric, 0), NOISE, rtol=0.25)
    assert (np.median(inside.epistemic, 0) < np.median(inside.aleatoric, 0)).all()
    assert (np.median(outside.epistemic, 0) > 4 * np.median(inside.epistemic, 0)).all()
