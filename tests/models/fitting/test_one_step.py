"""Gradients of a batch: by hand and by autograd the same, and when which is taken."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from robot_mbrl.models.ensemble.ensemble import (
    LOG_STD_MAX,
    LOG_STD_MIN,
    DynamicsEnsemble,
    ModelKind,
)
from robot_mbrl.models.fitting.bootstrap import RowBatches
from robot_mbrl.models.fitting.fit import fit_normalizers
from robot_mbrl.models.fitting.loss import Rows
from robot_mbrl.models.fitting.one_step import (
    ByAutograd,
    ByHand,
    likelihood_slope,
    one_step_gradient,
)
from robot_mbrl.networks.parameter_buffer import flatten
from tests.support.linear_model import layout, transitions


def prepare(
    kind: ModelKind = "gaussian", depth: int = 2, dry_friction: bool = False, noise: float = 0.0
) -> Any:
    rng = torch.Generator().manual_seed(0)
    model = DynamicsEnsemble(layout(), 3, 8, rng, kind=kind, depth=depth, dry_friction=dry_friction)
    parts = [transitions(70, 1), transitions(50, 2)]
    fit_normalizers(model, parts[0])
    rows = [Rows.of(model, t) for t in parts]

    def make(way: Any) -> Any:
        weights = flatten(model.layers.parameters())
        batches = RowBatches(rows, [9, 4], 3, np.random.default_rng(3), noise)
        if way is ByHand:
            return ByHand(model, rows, batches.bootstrap), weights
        if way is ByAutograd:
            return ByAutograd(model, [batches], weights), weights
        return one_step_gradient(model, [batches], weights), weights

    return make


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("kind", ["gaussian", "deterministic"])
def test_by_hand_is_what_autograd_says(kind: ModelKind, depth: int) -> None:
    make = prepare(kind, depth)
    found = []
    for way in (ByAutograd, ByHand):
        gradient, weights = make(way)
        for _ in range(2):  # of the second batch: nothing of the first is left
            gradient()
        found.append(weights.grad)
    assert found[0].abs().max() > 0.1
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-3)


def test_slope_of_the_likelihood_is_autograds_up_to_and_at_the_bounds() -> None:
    rng = torch.Generator().manual_seed(0)
    out = torch.randn(2, 6, 50, generator=rng, dtype=torch.float64) * 4
    out.requires_grad_()
    target = torch.randn(2, 3, 50, generator=rng, dtype=torch.float64)
    mean, raw = out.chunk(2, 1)
    log_std = LOG_STD_MAX - F.softplus(LOG_STD_MAX - raw)
    log_std = LOG_STD_MIN + F.softplus(log_std - LOG_STD_MIN)
    assert log_std.min() < LOG_STD_MIN + 0.05 and log_std.max() > LOG_STD_MAX - 0.05
    likelihood = torch.distributions.Normal(mean, log_std.exp()).log_prob(target)
    (expected,) = torch.autograd.grad(-likelihood.mean((1, 2)).sum(), [out])
    torch.testing.assert_close(likelihood_slope(out.detach(), target), expected)


@pytest.mark.parametrize(
    ("change", "way"),
    [({}, ByHand), ({"dry_friction": True}, ByAutograd), ({"noise": 0.1}, ByAutograd)],
)
def test_dry_friction_and_noise_go_through_autograd(change: dict[str, Any], way: type) -> None:
    make = prepare(**change)
    gradient, weights = make(None)
    assert isinstance(gradient, way)
    gradient()
    assert weights.grad.abs().max() > 0
