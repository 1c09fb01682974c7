"""A layout without meaning: increments and advance undo each other, and ensembles accept it."""

import numpy as np
import torch

from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


def test_advance_inverts_increments() -> None:
    rng, layout = np.random.default_rng(0), PlainLayout(4, 1)
    obs, next_obs = rng.standard_normal((2, 7, 4))
    dq = layout.increments(obs, next_obs)
    np.testing.assert_allclose(layout.advance(obs, dq, np.zeros((7, 1))), next_obs, atol=1e-15)


def test_an_untrained_ensemble_predicts_around_no_change() -> None:
    layout = PlainLayout(3, 2)
    model = DynamicsEnsemble(layout, 2, 8, torch.Generator().manual_seed(0))
    obs = torch.full((5, 3), 10.0)
    mean, std = model.increments(model.spread(obs), model.spread(torch.zeros(5, 2)))
    assert mean.shape == std.shape == (2, 5, 3)
    assert mean.abs().max() < 10.0  # a velocity taken from a column would add 10
