"""Members that are fitted side by side are what each is alone."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import (
    FitConfig,
    Mix,
    Source,
    fit_ensemble,
    fit_mixes,
    fit_normalizers,
)
from robot_mbrl.models.fitting.multistep import blend_windows
from tests.support.linear_model import drift, layout, transitions

REAL, SIMULATED, HELD = transitions(90, 1), transitions(200, 2), transitions(60, 3)
CONFIG = FitConfig(
    steps=60, batch=24, lr=3e-3, check_every=10, elites=2, input_noise=0.05, multistep_weight=2.0
)
SHARES = (0.9, 0.3, 0.6)


def start_model() -> DynamicsEnsemble:
    model = DynamicsEnsemble(layout(), 3, 8, torch.Generator().manual_seed(0), dry_friction=True)
    fit_normalizers(model, REAL)
    return model


def windows(seed: int, count: int) -> Windows:
    """Of 4 ticks, from anywhere."""
    plant, rng, obs = layout(), np.random.default_rng(seed), transitions(count, seed).obs
    path, actions = [obs], []
    for _ in range(4):
        actions.append(rng.uniform(-1, 1, (count, 3)))
        dq = plant.velocities(path[-1]) * plant.dt + drift(path[-1], actions[-1])
        path.append(plant.advance(path[-1], dq, actions[-1]))
    return Windows(np.stack(path, 1), np.stack(actions, 1))


def mixes() -> list[Mix]:
    """Each with its own rows and its own windows, of another number."""
    real, simulated = windows(4, 30), windows(5, 50)
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
    ids=["plain", "patience", "neither noise nor windows", "capped"],
)
def test_each_member_learns_from_its_own_mix_as_if_alone(
    change: Callable[[FitConfig], FitConfig],
) -> None:
    config, model, held = change(CONFIG), start_model(), windows(6, 20)
    before = copy.deepcopy(model.state_dict())
    alone = [model.subset(torch.tensor([k])) for k in range(3)]
    mix, rngs = mixes(), [np.random.default_rng(k) for k in range(3)]
    report = fit_mixes(model, mix, HELD, config, rngs, holdout_windows=held)
    assert len(report.elites) == 2
    ends = set()
    for k, member in enumerate(alone):
        own = fit_ensemble(
            member,
            mix[k].sources,
            HELD,
            config,
            np.random.default_rng(k),
            windows=mix[k].windows,
            holdout_windows=held,
        )
        ends.add(own.steps)
        fitted = model.subset(torch.tensor([k])).layers.state_dict()
        for name, value in member.layers.state_dict().items():
            torch.testing.assert_close(fitted[name], value, atol=1e-4, rtol=1e-3)
    assert config.patience > 2 or len(ends) > 1  # one waits for another, and learns nothing more
    weights = model.layers[0].weight
    assert not torch.allclose(weights[0], weights[1], atol=1e-3)
    assert not torch.equal(weights, before["layers.0.weight"])


def test_a_subset_predicts_what_it_did() -> None:
    model = start_model()
    x, u = torch.randn(7, layout().size), torch.randn(7, 3)
    mean = model.increments(model.spread(x), model.spread(u))[0].detach()
    few = model.subset(torch.tensor([2, 1]))
    torch.testing.assert_close(few.increments(few.spread(x), few.spread(u))[0], mean[[2, 1]])
