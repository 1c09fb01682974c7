"""Fitting: the likelihood, what is learned, and what is kept."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.uncertainty import mixture
from robot_mbrl.models.fitting.best_weights import BestWeights
from robot_mbrl.models.fitting.bootstrap import Bootstrap
from robot_mbrl.models.fitting.fit import (
    FitConfig,
    FitReport,
    Source,
    fit_ensemble,
    fit_normalizers,
)
from robot_mbrl.models.fitting.loss import Rows, negative_log_likelihood
from robot_mbrl.models.fitting.noise_scale import calibrate_std
from tests.support.linear_model import NOISE, drift, ensemble, layout, transitions

QUICK = FitConfig(steps=700, batch=96, lr=4e-3, check_every=50, elites=2)


@pytest.fixture(scope="module")
def fitted() -> tuple[DynamicsEnsemble, FitReport]:
    model, train = ensemble(), transitions(4000, 1)
    fit_normalizers(model, train)
    rng = np.random.default_rng(0)
    return model, fit_ensemble(model, [Source(train, 1.0)], transitions(1500, 2), QUICK, rng)


def test_a_member_that_starts_with_nan_keeps_its_first_finite_weights() -> None:
    model, t = ensemble(), transitions(60, 0)
    fit_normalizers(model, t)
    weight = model.layers[0].weight
    good = weight.detach().clone()
    with torch.no_grad():
        weight[1] = torch.nan
    best = BestWeights(model, Rows.of(model, t), None, np.inf, patience=1)
    assert np.isfinite(best.score).tolist() == [True, False, True]
    with torch.no_grad():
        weight.copy_(good)
    best.evaluate()
    assert np.isfinite(best.score).all()
    best.restore()
    torch.testing.assert_close(model.layers[0].weight.detach(), good)


def test_likelihood_is_the_gaussians() -> None:
    model, t = ensemble(), transitions(50, 0)
    fit_normalizers(model, t)
    obs, action = (model.spread(torch.as_tensor(x)) for x in (t.obs, t.action))
    dq = torch.randn(3, 50, 2, generator=torch.Generator().manual_seed(0)) * 0.02
    mean, log_std = model.residual(obs, action)
    gauss = torch.distributions.Normal(mean, log_std.exp())
    expected = -gauss.log_prob(model.target(obs, dq)).mean((1, 2)) - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(negative_log_likelihood(model, obs, action, dq), expected)


def test_linear_system_is_learned(fitted: tuple[DynamicsEnsemble, FitReport]) -> None:
    """The mean is within a fraction of the noise, of the order sqrt(parameters / rows)."""
    model, _ = fitted
    t = transitions(2000, 3, noise=np.zeros(2))
    obs, action = (model.spread(torch.as_tensor(x)) for x in (t.obs, t.action))
    mean, _ = model.increments(obs, action)
    truth = layout().velocities(t.obs) * layout().dt + drift(t.obs, t.action)
    error = np.sqrt(((mean.mean(0).detach().numpy() - truth) ** 2).mean(0))
    assert (error < 0.35 * NOISE).all()
    assert (error < 0.2 * drift(t.obs, t.action).std(0)).all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_noise_on_inputs_shrinks_slopes_as_in_closed_form(share: float) -> None:
    """E[dq | v + s e] of a normal v has 1 / (1 + s^2) of the slope; no shrinkage without noise."""
    model, train = ensemble(members=2), transitions(3000, 1, noise=np.full(2, 1e-4))
    fit_normalizers(model, train)
    rng = np.random.default_rng(0)
    config = replace(QUICK, steps=600, check_every=600, input_noise=share)
    fit_ensemble(model, [Source(train, 1.0)], transitions(200, 2), config, rng)
    x = torch.as_tensor(transitions(500, 3).obs)
    action, column = torch.zeros(500, 3), layout().column("slide.velocity")
    with torch.no_grad():
        low, high = (
            model.increments(model.spread(y), model.spread(action))[0][..., 0].mean()
            for y in (moved(x, column, -0.5), moved(x, column, 0.5))
        )
    slope = layout().dt - 0.002
    assert (high - low).item() == pytest.approx(slope / (1 + share**2), rel=0.15)


def moved(x: torch.Tensor, column: int, by: float) -> torch.Tensor:
    x = x.clone()
    x[:, column] += by
    return x


def test_predicted_std_is_the_injected_noise(fitted: tuple[DynamicsEnsemble, FitReport]) -> None:
    model, _ = fitted
    t = transitions(3000, 4)
    obs, action = (model.spread(torch.as_tensor(x)) for x in (t.obs, t.action))
    mean, std = model.increments(obs, action)
    mean, std = mixture(mean[model.elites], std[model.elites], model.spread_scale)
    np.testing.assert_allclose(std.mean(0).detach().numpy(), NOISE, rtol=0.25)
    dq = layout().increments(t.obs.astype(float), t.next_obs.astype(float))
    z = np.abs(dq - mean.detach().numpy()) / std.detach().numpy()
    for share, quantile in [(0.5, 0.674), (0.9, 1.645)]:
        np.testing.assert_allclose((z < quantile).mean(0), share, atol=0.06)


def test_disagreement_grows_outside_the_data(fitted: tuple[DynamicsEnsemble, FitReport]) -> None:
    model, _ = fitted
    values = []
    for spread in (1.0, 3.0, 10.0):
        t = transitions(300, 5, spread=spread)
        obs, action = (model.spread(torch.as_tensor(x)) for x in (t.obs, t.action))
        values.append(model.disagreement(model.increments(obs, action)[0]).mean().item())
    assert values[0] * 2 < values[1]
    assert values[1] * 2 < values[2]


def held_out_nll(model: DynamicsEnsemble, rows: int = 1500, seed: int = 2) -> np.ndarray:
    t = transitions(rows, seed)
    dq = torch.as_tensor(layout().increments(t.obs.astype(float), t.next_obs.astype(float))).float()
    obs, action = torch.as_tensor(t.obs), torch.as_tensor(t.action)
    with torch.no_grad():
        return negative_log_likelihood(model, *(model.spread(x) for x in (obs, action, dq))).numpy()


def test_elites_are_the_best_on_held_out_data(fitted: tuple[DynamicsEnsemble, FitReport]) -> None:
    model, report = fitted
    assert set(report.elites) == set(np.argsort(report.holdout_nll)[:2].tolist())
    assert model.elites.tolist() == list(report.elites)
    np.testing.assert_allclose(held_out_nll(model), report.holdout_nll, atol=1e-4)


def test_each_member_keeps_its_own_best_weights() -> None:
    """A learning rate that wrecks the networks now and then: what remains is the best seen."""
    model, train = ensemble(), transitions(600, 1)
    fit_normalizers(model, train)
    seen = [held_out_nll(model)]
    wild = FitConfig(steps=200, batch=16, lr=0.03, check_every=10, patience=99, elites=2)
    report = fit_ensemble(
        model,
        [Source(train, 1.0)],
        transitions(1500, 2),
        wild,
        np.random.default_rng(0),
        lambda *_: seen.append(held_out_nll(model)),
    )
    best = np.array(seen).min(0)
    assert (np.array(seen)[-1] > best + 0.01).any()
    # An improvement by less than 1e-3 of the likelihood does not count as one.
    np.testing.assert_allclose(report.holdout_nll, best, atol=2e-3 * np.abs(best).max() + 1e-5)
    np.testing.assert_allclose(held_out_nll(model), report.holdout_nll, atol=1e-5)
    assert len(set(np.array(seen).argmin(0).tolist())) > 1  # at different times


def test_each_member_sees_its_own_resampling() -> None:
    """Drawing n of n rows with replacement leaves out 1/e of them: other ones for each member."""
    bootstrap = Bootstrap([200], [64], 3, np.random.default_rng(0))
    numbers = torch.arange(200.0)[:, None]
    batches = [bootstrap.batch([numbers])[0] for _ in range(60)]
    assert batches[0].shape == (3, 64, 1)
    seen = [set(torch.stack([b[e] for b in batches]).flatten().tolist()) for e in range(3)]
    for rows in seen:
        assert len(rows) / 200 == pytest.approx(1 - math.exp(-1), abs=0.08)
    for a, b in itertools.combinations(seen, 2):  # independent: (1 - 1/e)^2 of the rows in both
        assert len(a & b) / 200 == pytest.approx((1 - math.exp(-1)) ** 2, abs=0.1)


def test_without_resampling_each_member_may_see_every_row() -> None:
    bootstrap = Bootstrap([50], [64], 3, np.random.default_rng(0), resample=False)
    numbers = torch.arange(50.0)[:, None]
    batches = torch.stack([bootstrap.batch([numbers])[0] for _ in range(20)])
    for member in range(3):
        assert set(batches[:, member].flatten().tolist()) == set(range(50))
    assert not torch.equal(batches[:, 0], batches[:, 1])


def test_bootstrap_makes_members_differ_more() -> None:
    train, fresh = transitions(25, 1), transitions(200, 2)
    spreads = []
    for bootstrap in (True, False):
        model = ensemble()
        fit_normalizers(model, train)
        for weight in model.layers.parameters():  # the same start
            weight.data[:] = weight.data[:1].clone()
        config = FitConfig(
            steps=300, batch=64, lr=3e-3, check_every=300, elites=3, bootstrap=bootstrap
        )
        fit_ensemble(model, [Source(train, 1.0)], train, config, np.random.default_rng(0))
        obs, action = torch.as_tensor(fresh.obs), torch.as_tensor(fresh.action)
        with torch.no_grad():
            mean, _ = model.residual(model.spread(obs), model.spread(action))
        spreads.append(float(mean.std(0).mean()))
    assert spreads[0] > 2 * spreads[1]


def test_patience_ends_a_fit_that_no_longer_improves() -> None:
    model, train = ensemble(), transitions(300, 1)
    fit_normalizers(model, train)
    config = FitConfig(steps=4000, batch=32, lr=0.0, weight_decay=0.0, check_every=5, patience=3)
    report = fit_ensemble(model, [Source(train, 1.0)], train, config, np.random.default_rng(0))
    assert report.steps == 15


def test_same_seed_same_weights() -> None:
    weights = []
    for seed in (0, 0, 1):
        model, train = ensemble(), transitions(200, 1)
        fit_normalizers(model, train)
        quick = FitConfig(steps=20, batch=16, check_every=10, elites=2)
        fit_ensemble(model, [Source(train, 1.0)], train, quick, np.random.default_rng(seed))
        weights.append(model.layers[0].weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_shares_decide_which_source_is_learned() -> None:
    """Two sources that contradict each other: the model lands between them, by share."""
    base = transitions(800, 1, noise=np.zeros(2))
    push = layout().advance(
        base.obs.astype(float),
        layout().increments(base.obs.astype(float), base.next_obs.astype(float)) + 0.02,
        base.action.astype(float),
    )
    pushed = type(base)(
        base.obs, base.action, push.astype(np.float32), base.reward, base.terminated
    )
    offsets = []
    for share in (1.0, 0.5, 0.0):
        model = ensemble()
        fit_normalizers(model, base)
        config = FitConfig(steps=300, batch=64, lr=4e-3, check_every=300)
        sources = [Source(pushed, share), Source(base, 1 - share)]
        turn = round(share * len(base))
        held = concatenate([pushed.take(slice(turn)), base.take(slice(turn, None))])
        fit_ensemble(model, sources, held, config, np.random.default_rng(0))
        obs, action = (model.spread(torch.as_tensor(x)) for x in (base.obs, base.action))
        truth = layout().velocities(base.obs) * layout().dt + drift(base.obs, base.action)
        offsets.append((model.increments(obs, action)[0].detach().numpy() - truth).mean())
    assert offsets == pytest.approx([0.02, 0.01, 0.0], abs=0.004)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_calibration_covers_90_percent(
    scale: float, fitted: tuple[DynamicsEnsemble, FitReport]
) -> None:
    """Held-out noise of another size than the model learned widens or narrows its intervals."""
    model = fitted[0].elite_model()
    holdout = transitions(4000, 6, noise=NOISE * scale)
    calibrate_std(model, holdout)
    assert coverage(model, holdout) == pytest.approx([0.9, 0.9], abs=0.005)
    assert coverage(model, transitions(4000, 7, noise=NOISE * scale)) == pytest.approx(
        [0.9, 0.9], abs=0.03
    )


def test_calibration_covers_90_percent_of_members_that_disagree() -> None:
    """The mixture is already wide where members disagree; only their own noise is scaled."""
    model = ensemble(members=4)
    model.layers[2].weight.data.zero_()
    model.outputs.std.copy_(torch.as_tensor(NOISE))
    for e in range(4):
        model.layers[2].bias.data[e, 0, :2] = e - 1.5
        model.layers[2].bias.data[e, 0, 2:] = math.log(0.5)
    t = transitions(4000, 8, noise=NOISE * 2)
    still = type(t)(t.obs, np.zeros_like(t.action), t.next_obs, t.reward, t.terminated)
    dq = layout().velocities(t.obs) * layout().dt
    rng = np.random.default_rng(0)
    moved = layout().advance(t.obs, dq + 2 * NOISE * rng.standard_normal(dq.shape), still.action)
    holdout = type(t)(t.obs, still.action, moved.astype(np.float32), t.reward, t.terminated)
    calibrate_std(model, holdout)
    assert coverage(model, holdout) == pytest.approx([0.9, 0.9], abs=0.005)


def coverage(model: DynamicsEnsemble, t: Transitions) -> list[float]:
    obs, action = (model.spread(torch.as_tensor(x)) for x in (t.obs, t.action))
    with torch.no_grad():
        mean, std = mixture(
            *(x[model.elites] for x in model.increments(obs, action)), model.spread_scale
        )
    dq = layout().increments(t.obs.astype(float), t.next_obs.astype(float))
    return ((np.abs(dq - mean.numpy()) < 1.6449 * std.numpy()).mean(0)).tolist()


def test_mixture_matches_moments() -> None:
    mean = torch.tensor([[[0.0]], [[4.0]]])
    std = torch.tensor([[[1.0]], [[3.0]]])
    centre, spread = mixture(mean, std, torch.ones(mean.shape[-1]))
    assert centre.item() == 2.0
    assert spread.item() == pytest.approx(math.sqrt((1 + 9) / 2 + 4))


def test_too_little_data_is_an_error() -> None:
    model, some, none = ensemble(), transitions(20, 1), transitions(0, 1)
    for sources, holdout in [([], some), ([Source(none, 1.0)], some), ([Source(some, 1.0)], none)]:
        with pytest.raises(DataError, match="collect more episodes"):
            fit_ensemble(model, sources, holdout, QUICK, np.random.default_rng(0))
    with pytest.raises(DataError):
        fit_ensemble(model, [Source(some, 0.0)], some, QUICK, np.random.default_rng(0))


def stick_slip(rows: int, seed: int) -> Transitions:
    """Joints that a tick of Coulomb friction slows by 1e-3 rad, pushed by up to 5e-3 rad."""
    rng, plant = np.random.default_rng(seed), layout()
    t = transitions(rows, seed)
    obs = t.obs.astype(float)
    velocity = [plant.column(f"{j}.velocity") for j in plant.joints]
    # slow and fast alike: from a tenth of the friction to a hundred times as much
    size = 10 ** rng.uniform(-4, -1, (rows, 2)) / plant.dt
    obs[:, velocity] = size * rng.choice([-1, 1], (rows, 2))
    free = obs[:, velocity] * plant.dt + 0.005 * t.action[:, :2]
    dq = np.sign(free) * np.maximum(np.abs(free) - 1e-3, 0)
    next_obs = plant.advance(obs, dq, t.action).astype(np.float32)
    return Transitions(obs.astype(np.float32), t.action, next_obs, t.reward, t.terminated)


def test_an_ensemble_that_sticks_creeps_less_under_a_push_below_friction() -> None:
    """Half the friction pushes for 25 ticks; nothing moves."""
    crept = {}
    for dry_friction in (False, True):
        model, train = ensemble(dry_friction=dry_friction), stick_slip(3000, 1)
        fit_normalizers(model, train)
        rng = np.random.default_rng(0)
        fit_ensemble(
            model, [Source(train, 1.0)], stick_slip(500, 2), replace(QUICK, steps=300), rng
        )
        x = torch.zeros(3, 1, layout().size)
        x[..., layout().column("hinge.cos")] = 1.0
        push = torch.tensor([0.1, 0.1, 0.0]).expand(3, 1, 3)
        travel = torch.zeros(3, 1, 2)
        with torch.no_grad():
            for _ in range(25):
                dq, _ = model.increments(x, push)
                travel, x = travel + dq, model.layout.advance(x, dq, push, xp=torch)
        crept[dry_friction] = travel.abs().mean().item()
    assert crept[True] < 0.2 * crept[False]
