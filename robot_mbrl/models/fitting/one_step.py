"""Gradients of the one-step loss of a bootstrapped batch.

By hand, or by autograd where the model or its inputs need more.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_mbrl.models.ensemble.ensemble import LOG_STD_MAX, LOG_STD_MIN, DynamicsEnsemble
from robot_mbrl.models.fitting.bootstrap import Bootstrap, RowBatches
from robot_mbrl.models.fitting.loss import Rows, member_loss
from robot_mbrl.networks.backprop import Backprop


def one_step_gradient(
    model: DynamicsEnsemble, batches: Sequence[RowBatches], weights: nn.Parameter
) -> Callable[[], None]:
    """What writes the gradient of the next batch's loss, summed over members, into
    `weights.grad`, of which the gradients of the model's layers are views (see `flatten`).

    Each of `batches` is drawn for its equal share of the members.
    """
    if model.dry_friction or len(batches) > 1 or batches[0].jitter.sigma is not None:
        return ByAutograd(model, batches, weights)
    return ByHand(model, batches[0].rows, batches[0].bootstrap)


class ByAutograd:
    """Of `member_loss`: for dry friction, which needs velocities, for noise on inputs, and for
    members that learn from different sources."""

    def __init__(
        self, model: DynamicsEnsemble, batches: Sequence[RowBatches], weights: nn.Parameter
    ) -> None:
        self.model, self.batches = model, batches
        self.gradient: Any = weights.grad

    def __call__(self) -> None:
        """Gradient of the next batch."""
        drawn = [batches.draw() for batches in self.batches]
        obs, action, dq = (
            torch.cat(x) for x in zip(*((r.obs, r.action, r.dq) for r in drawn), strict=True)
        )
        self.gradient.zero_()
        member_loss(self.model, obs, action, dq).sum().backward()


class ByHand:
    """Of the same loss, written out. What does not change is whitened once, not in each batch."""

    @torch.no_grad()
    def __init__(self, model: DynamicsEnsemble, rows: Sequence[Rows], bootstrap: Bootstrap) -> None:
        self.bootstrap, self.n_in = bootstrap, model.moves + model.layout.action_size
        self.slope = likelihood_slope if model.kind == "gaussian" else error_slope
        self.net = Backprop(model.layers, model.activation)
        self.rows = [self._prepare(model, r) for r in rows]

    def _prepare(self, model: DynamicsEnsemble, rows: Rows) -> Tensor:
        """Inputs of the first layer beside targets (T, n_in + J), so that a batch is one gather."""
        x = torch.cat([rows.obs[:, : model.moves], rows.action], -1)
        x = model.inputs(x)
        return torch.cat([x, model.target(rows.obs, rows.dq)], -1)

    @torch.no_grad()
    def __call__(self) -> None:
        """Gradient of the next batch."""
        (batch,) = self.bootstrap.batch(self.rows)
        out = self.net.forward(batch[..., : self.n_in])
        self.net.backward(self.slope(out.mT, batch[..., self.n_in :].mT.contiguous()).mT)


def error_slope(out: Tensor, target: Tensor) -> Tensor:
    """Gradient of `squared_error` by the network's outputs (E, J, B), given targets (E, J, B)."""
    return (out - target).mul_(2 / target[0].numel())


def likelihood_slope(out: Tensor, target: Tensor) -> Tensor:
    """Gradient of `negative_log_likelihood` by the network's outputs (E, 2J, B): means, and
    log-stds s before their bounds; given targets (E, J, B).

    With z = (target - mean) / std: dL/dmean = -z / std, dL/ds = (1 - z^2) times the slope of the
    bounds, which are softplus functions.
    """
    mean, raw = out.chunk(2, 1)
    below = LOG_STD_MAX - raw
    upper = -F.softplus(below) + (LOG_STD_MAX - LOG_STD_MIN)  # counted from the lower bound
    inverse = torch.exp(-LOG_STD_MIN - F.softplus(upper))
    z = (target - mean).mul_(inverse)
    slope = torch.empty_like(out)
    by_mean, by_raw = slope.chunk(2, 1)
    share = 1 / target[0].numel()
    torch.mul(z, inverse, out=by_mean).mul_(-share)
    torch.sub(share, z.square_(), alpha=share, out=by_raw)
    by_raw.mul_(upper.sigmoid_()).mul_(below.sigmoid_())
    return slope
