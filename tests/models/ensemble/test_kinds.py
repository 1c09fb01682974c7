"""Deterministic members next to Gaussian ones, one next to several: losses by closed form."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.models.ensemble.config import EnsembleConfig, make_ensemble
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble, ModelKind
from robot_mbrl.models.fitting.fit import (
    FitConfig,
    FitReport,
    Source,
    fit_ensemble,
    fit_normalizers,
)
from robot_mbrl.models.fitting.loss import member_loss, negative_log_likelihood, squared_error
from tests.support.linear_model import NOISE, drift, layout, transitions

QUICK = FitConfig(steps=500, batch=96, lr=4e-3, check_every=50, elites=2)


def build(kind: ModelKind, members: int = 3, seed: int = 0) -> DynamicsEnsemble:
    config = EnsembleConfig(members=members, hidden=24, kind=kind)
    return make_ensemble(layout(), config, torch.Generator().manual_seed(seed))


def fit(model: DynamicsEnsemble, config: FitConfig = QUICK) -> FitReport:
    train = transitions(2500, 1)
    fit_normalizers(model, train)
    rng = np.random.default_rng(0)
    return fit_ensemble(model, [Source(train, 1.0)], transitions(1200, 2), config, rng)


@pytest.fixture(scope="module")
def deterministic() -> DynamicsEnsemble:
    model = build("deterministic")
    fit(model)
    return model


@pytest.mark.parametrize("bias", [0.0, 0.6])
def test_losses_of_a_constant_prediction_are_closed_forms(bias: float) -> None:
    """Targets are normalized: the squared error of a constant b is 1 + b^2, and of a Gaussian
    N(b, e^2s) the likelihood's part is (1 + b^2) e^-2s / 2 + s."""
    t = transitions(400, 0)
    dq = layout().increments(t.obs.astype(float), t.next_obs.astype(float))
    rows = [torch.as_tensor(x).float() for x in (t.obs, t.action, dq)]
    expected = {"deterministic": 1 + bias**2}
    log_std = -0.8
    expected["gaussian"] = 0.5 * (1 + bias**2) * math.exp(-2 * log_std) + log_std
    kinds: tuple[ModelKind, ...] = ("deterministic", "gaussian")
    for kind in kinds:
        model = build(kind)
        fit_normalizers(model, t)
        with torch.no_grad():
            model.layers[2].weight.zero_()
            model.layers[2].bias[..., :2] = bias
            model.layers[2].bias[..., 2:] = log_std
        loss = member_loss(model, *(model.spread(r) for r in rows))
        assert loss.shape == (3,)
        # The Gaussian's soft bounds move -0.8 a little: that is read off the model itself.
        if kind == "gaussian":
            _, bounded = model.residual(*(model.spread(r) for r in rows[:2]))
            s = bounded[0, 0, 0].item()
            expected[kind] = 0.5 * (1 + bias**2) * math.exp(-2 * s) + s
        np.testing.assert_allclose(loss.detach().numpy(), expected[kind], rtol=1e-3)


def test_the_kind_chooses_the_loss_and_the_size_of_the_last_layer() -> None:
    t = transitions(30, 0)
    dq = layout().increments(t.obs.astype(float), t.next_obs.astype(float))
    for kind, loss, width in [
        ("deterministic", squared_error, 2),
        ("gaussian", negative_log_likelihood, 4),
    ]:
        model = build(kind)  # type: ignore[arg-type]
        fit_normalizers(model, t)
        rows = [model.spread(torch.as_tensor(x).float()) for x in (t.obs, t.action, dq)]
        torch.testing.assert_close(member_loss(model, *rows), loss(model, *rows))
        assert model.layers[2].bias.shape[-1] == width


def test_a_deterministic_model_learns_the_mean_and_measures_the_noise(
    deterministic: DynamicsEnsemble,
) -> None:
    model, t = deterministic, transitions(1500, 3, noise=np.zeros(2))
    obs, action = (model.spread(torch.as_tensor(x)) for x in (t.obs, t.action))
    with torch.no_grad():
        mean, std = model.increments(obs, action)
    truth = layout().velocities(t.obs) * layout().dt + drift(t.obs, t.action)
    error = np.sqrt(((mean.mean(0).numpy() - truth) ** 2).mean(0))
    assert (error < 0.4 * NOISE).all()
    np.testing.assert_allclose(std.mean((0, 1)).numpy(), NOISE, rtol=0.2)
    assert (std == std[0, 0]).all()


def test_what_a_deterministic_model_imagines_has_no_noise(
    deterministic: DynamicsEnsemble,
) -> None:
    t = transitions(40, 4)
    obs, action = torch.as_tensor(t.obs), torch.as_tensor(t.action)
    model = deterministic
    with torch.no_grad():
        means = model.advance(model.spread(obs), model.spread(action))
        drawn, _ = model.sample(obs, action, torch.Generator().manual_seed(0))
    nearest = (means[model.elites] - drawn).abs().amax(-1).amin(0)
    assert nearest.max() < 1e-6


def test_elites_and_grip_stay_of_their_kind(deterministic: DynamicsEnsemble) -> None:
    t = transitions(20, 5)
    obs, action = torch.as_tensor(t.obs), torch.as_tensor(t.action)
    few = deterministic.elite_model()
    assert few.kind == deterministic.with_dry_friction().kind == "deterministic"
    with torch.no_grad():
        ours = few.increments(few.spread(obs), few.spread(action))
        whole = deterministic.increments(*(deterministic.spread(x) for x in (obs, action)))
    for got, want in zip(ours, whole, strict=True):
        torch.testing.assert_close(got, want[deterministic.elites], atol=1e-5, rtol=1e-4)
    assert deterministic.with_dry_friction().layers[2].bias.shape[-1] == 4


@pytest.mark.parametrize("kind", ["deterministic", "gaussian"])
def test_a_single_model_fits_and_never_disagrees(kind: ModelKind) -> None:
    model = build(kind, members=1)
    report = fit(model, replace(QUICK, steps=60, elites=4))
    assert report.elites == (0,) and report.holdout_nll.shape == (1,)
    t = transitions(20, 5)
    obs, action = torch.as_tensor(t.obs), torch.as_tensor(t.action)
    with torch.no_grad():
        _, disagreement = model.sample(obs, action, torch.Generator().manual_seed(0))
    assert disagreement.max() < 1e-5


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="'gaussian' or 'deterministic'"):
        build("bayesian")  # type: ignore[arg-type]
