"""Models and members that are fitted side by side are what each is alone."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import (
    FitConfig,
    Mix,
    Source,
    fit_candidates,
    fit_ensemble,
    fit_mixes,
    fit_normalizers,
)
from robot_mbrl.models.fitting.multistep import Windows, blend_windows
from tests.support.linear_model import drift, layout, transitions

REAL, SIMULATED, HELD = transitions(90, 1), transitions(200, 2), transitions(60, 3)
CONFIG = FitConfig(
    steps=30, batch=24, lr=3e-3, check_every=10, elites=2, input_noise=0.05, multistep_weight=2.0
)
SHARES = (0.9, 0.3, 0.6)


def start_model() -> DynamicsEnsemble:
    model = DynamicsEnsemble(layout(), 3, 8, torch.Generator().manual_seed(0), sticks=True)
    fit_normalizers(model, REAL)
    return model


def stretches(seed: int, count: int, model: DynamicsEnsemble) -> Windows:
    """Of 4 ticks, from anywhere."""
    plant, rng, obs = layout(), np.random.default_rng(seed), transitions(count, seed).obs
    path, actions = [obs], []
    for _ in range(4):
        actions.append(rng.uniform(-1, 1, (count, 3)))
        dq = plant.velocities(path[-1]) * plant.dt + drift(path[-1], actions[-1])
        path.append(plant.advance(path[-1], dq, actions[-1]))
    pairs = zip(np.stack(path, 1), np.stack([*actions, actions[-1]], 1), strict=True)
    return Windows.cut(model, list(pairs), 4)


def mixes(model: DynamicsEnsemble) -> list[Mix]:
    """Each with its own rows and its own stretches, of another number."""
    real, simulated = stretches(4, 30, model), stretches(5, 50, model)
    return [
        Mix.of(
            [Source(REAL, share), Source(SIMULATED, 1 - share)],
            blend_windows(real, simulated, share, np.random.default_rng(0)),
        )
        for share in SHARES
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c,
        lambda c: replace(c, lr=0.02, check_every=3, patience=2, steps=120),
        lambda c: replace(c, input_noise=0.0, multistep_weight=0.0),
        lambda c: replace(c, multistep_cap=1.5),
    ],
    ids=["plain", "patience", "neither noise nor stretches", "capped"],
)
def test_side_by_side_is_alone(change: Callable[[FitConfig], FitConfig]) -> None:
    config, start = change(CONFIG), start_model()
    before = copy.deepcopy(start.state_dict())
    judge = stretches(6, 20, start)
    fitted = fit_candidates(start, mixes(start), HELD, config, 5, holdout_windows=judge)
    ends = set()
    for mix, together in zip(mixes(start), fitted, strict=True):
        alone = copy.deepcopy(start)
        rng = np.random.default_rng(5)
        report = fit_ensemble(
            alone, mix.sources, HELD, config, rng, windows=mix.windows, holdout_windows=judge
        )
        ends.add(report.steps)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(together.state_dict()[name], value, atol=1e-4, rtol=1e-3)
    assert config.patience > 2 or len(ends) > 1  # one waits for another, and learns nothing more
    for name, value in start.state_dict().items():
        assert torch.equal(value, before[name])
    weights = [model.layers[0].weight for model in fitted]
    assert not torch.allclose(weights[0], weights[1], atol=1e-3)


def test_each_member_learns_from_its_own_mix_as_if_alone() -> None:
    model, judge = start_model(), stretches(6, 20, start_model())
    alone = [model.subset(torch.tensor([k])) for k in range(3)]
    mix, rngs = mixes(model), [np.random.default_rng(k) for k in range(3)]
    report = fit_mixes(model, mix, HELD, CONFIG, rngs, holdout_windows=judge)
    assert len(report.elites) == 2
    for k, member in enumerate(alone):
        fit_ensemble(
            member,
            mix[k].sources,
            HELD,
            CONFIG,
            np.random.default_rng(k),
            windows=mix[k].windows,
            holdout_windows=judge,
        )
        fitted = model.subset(torch.tensor([k])).layers.state_dict()
        for name, value in member.layers.state_dict().items():
            torch.testing.assert_close(fitted[name], value, atol=1e-4, rtol=1e-3)


def test_repeated_members_predict_the_same_and_a_subset_what_it_did() -> None:
    model = start_model()
    x, u = torch.randn(7, layout().size), torch.randn(7, 3)
    twice = model.repeated(2)
    mean, std = (v.detach() for v in model.increments(model.spread(x), model.spread(u)))
    again = [v.detach() for v in twice.increments(twice.spread(x), twice.spread(u))]
    torch.testing.assert_close(again, [torch.cat([mean, mean]), torch.cat([std, std])])
    few = twice.subset(torch.tensor([4, 2]))
    torch.testing.assert_close(few.increments(few.spread(x), few.spread(u))[0], mean[[1, 2]])
