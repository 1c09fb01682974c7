"""Per member: the weights that were best on held-out data while a model was fitted."""

import copy
import math

import numpy as np
import torch

from robot_mbrl.models.ensemble import DynamicsEnsemble
from robot_mbrl.models.loss import Rows, member_loss
from robot_mbrl.models.multistep import Windows, error_scale, multistep_loss


class BestWeights:
    """The weights that were best so far.

    Args:
        model: that is being fitted.
        held: held-out rows, which give the loss `nll`.
        windows: held-out stretches; with them the multi-step error is the `score` that decides,
            instead of the loss.
        cap: of the multi-step error, see `multistep_loss`.

    Attributes:
        score, nll: of the best weights, (E,).
        stale: looks since any member improved.
    """

    def __init__(
        self, model: DynamicsEnsemble, held: Rows, windows: Windows | None, cap: float
    ) -> None:
        self.model, self.held, self.windows, self.cap = model, held, windows, cap
        robust = math.isfinite(cap)
        self.scale = error_scale(model, windows, robust=robust) if windows else torch.ones(())
        self.score = np.full(model.members, np.inf)
        self.nll = np.full(model.members, np.inf)
        self.weights = copy.deepcopy(model.layers.state_dict())
        self.stale = 0
        self.look()

    @torch.no_grad()
    def look(self) -> None:
        """Judge the weights as they are, and keep those of members that improved."""
        model, held = self.model, self.held
        nll = member_loss(
            model, model.spread(held.obs), model.spread(held.action), model.spread(held.dq)
        ).numpy()
        score = nll
        if self.windows:
            index = torch.arange(len(self.windows)).expand(model.members, -1)
            score = multistep_loss(model, self.windows, index, self.scale, self.cap).numpy()
        first = ~np.isfinite(self.score) & np.isfinite(score)
        better = first | (score < self.score - 1e-3 * np.abs(self.score.clip(-10, 10)))
        self.stale = 0 if better.any() else self.stale + 1
        for name, value in self.model.layers.state_dict().items():
            self.weights[name][better] = value[better]
        self.score = np.where(better, score, self.score)
        self.nll = np.where(better, nll, self.nll)

    def restore(self) -> None:
        """Put the best weights back."""
        self.model.layers.load_state_dict(self.weights)
