"""Per member: the weights that were best on held-out data while a model was fitted."""

import copy
import math

import numpy as np
import torch

from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.loss import Rows, member_loss
from robot_mbrl.models.fitting.multistep import WindowBatch, error_scale, multistep_loss


class BestWeights:
    """The weights that were best so far.

    Args:
        model: that is being fitted.
        held: held-out rows, which give the loss `nll`.
        windows: held-out windows; with them the multi-step error is the `score` that decides,
            instead of the loss.
        cap: of the multi-step error, see `multistep_loss`.
        groups: of members, equal in size, that are fits of their own.
        patience: evaluations after which a group of which no member improved is done: its weights
            stay.

    Attributes:
        score, nll: of the best weights, (E,).
        done: every group is.
    """

    def __init__(
        self,
        model: DynamicsEnsemble,
        held: Rows,
        windows: Windows | None,
        cap: float,
        *,
        groups: int = 1,
        patience: int,
    ) -> None:
        self.model, self.held, self.cap = model, held, cap
        self.windows = WindowBatch.of(model.layout, windows) if windows else None
        robust = math.isfinite(cap)
        self.scale = torch.ones(())
        if self.windows:
            self.scale = error_scale(model, self.windows, robust=robust)
        self.score = np.full(model.members, np.inf)
        self.nll = np.full(model.members, np.inf)
        self.weights = copy.deepcopy(model.layers.state_dict())
        self.patience, self._stale = patience, np.full(groups, -1)
        self.evaluate()

    @torch.no_grad()
    def evaluate(self) -> None:
        """Evaluate the weights as they are, and keep those of members that improved."""
        model, held = self.model, self.held
        nll = member_loss(
            model, model.spread(held.obs), model.spread(held.action), model.spread(held.dq)
        ).numpy()
        score = nll
        if self.windows:
            batch = self.windows.spread(model.members)
            score = multistep_loss(model, batch, self.scale, self.cap).numpy()
        first = ~np.isfinite(self.score) & np.isfinite(score)
        better = first | (score < self.score - 1e-3 * np.abs(self.score.clip(-10, 10)))
        better &= (self._stale < self.patience).repeat(model.members // len(self._stale))
        improved = better.reshape(len(self._stale), -1).any(1)
        self._stale = np.where(improved, 0, self._stale + 1)
        for name, value in self.model.layers.state_dict().items():
            self.weights[name][better] = value[better]
        self.score = np.where(better, score, self.score)
        self.nll = np.where(better, nll, self.nll)

    @property
    def done(self) -> bool:
        """No group goes on."""
        return bool((self._stale >= self.patience).all())

    def restore(self) -> None:
        """Put the best weights back."""
        self.model.layers.load_state_dict(self.weights)
