"""Fit an ensemble: bootstrap per member, holdout, patience, best weights per member, elites.

The recipe is that of MBPO (Janner et al. 2019, `bnn.py`): see each member as an independent maximum
likelihood fit that keeps the weights that were best on held-out data.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.best_weights import BestWeights
from robot_mbrl.models.bootstrap import Bootstrap, Jitter, Stretches
from robot_mbrl.models.ensemble import DynamicsEnsemble
from robot_mbrl.models.flat import flatten
from robot_mbrl.models.held_out import calibrate_std, measure_error
from robot_mbrl.models.loss import Rows
from robot_mbrl.models.multistep import Windows
from robot_mbrl.models.one_step import one_step_gradient

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class FitConfig:
    """How to fit."""

    steps: int = 3000
    """gradient steps at most"""
    batch: int = 256
    """rows per member and step"""
    lr: float = 1e-3
    """learning rate of Adam at the start; falls to a tenth along a cosine"""
    weight_decay: float = 1e-5
    """decoupled weight decay"""
    check_every: int = 250
    """steps between looks at the held-out data"""
    patience: int = 8
    """looks without improvement after which fitting ends"""
    elites: int = 4
    """members used for prediction, the best on held-out data"""
    input_noise: float = 0.0
    """noise on observations while fitting, in standard deviations of each column: scarce rows do
    not tell the noise of their encoders from motion, and a network learns it by heart"""
    multistep_weight: float = 0.0
    """weight of the multi-step loss on real stretches, against the one-step likelihood's 1"""
    multistep_batch: int = 48
    """stretches per member and step"""
    multistep_cap: float = math.inf
    """multi-step errors beyond this many typical ones count linearly, not squared: for pushes"""


@dataclass(frozen=True)
class FitReport:
    """What came out.

    Attributes:
        holdout_nll: held-out loss per member, (E,), in normalized units: negative log-likelihood,
            or the squared error of deterministic members.
        steps: gradient steps taken.
        elites: chosen members.
        std_scale: factor per joint that makes 90 % intervals cover 90 % of held-out rows.
    """

    holdout_nll: FloatArray
    steps: int
    elites: tuple[int, ...]
    std_scale: FloatArray


@dataclass(frozen=True)
class Source:
    """Training rows and the share of each batch that comes from them."""

    transitions: Transitions
    share: float


def fit_normalizers(model: DynamicsEnsemble, transitions: Transitions) -> None:
    """Set input and output statistics from transitions; before the first fit, not for
    finetuning."""
    obs, action = transitions.obs.astype(np.float64), transitions.action.astype(np.float64)
    dq = model.layout.increments(obs, transitions.next_obs.astype(np.float64))
    model.inputs.fit(np.concatenate([obs[:, : model.moves], action], -1))
    model.outputs.fit(dq - model.layout.velocities(obs) * model.layout.dt)


def fit_ensemble(
    model: DynamicsEnsemble,
    sources: list[Source],
    holdout: Transitions,
    config: FitConfig,
    rng: np.random.Generator,
    progress: Progress | None = None,
    *,
    windows: Windows | None = None,
    holdout_windows: Windows | None = None,
) -> FitReport:
    """Fit `model` in place.

    With `windows` the multi-step loss is added, and with `holdout_windows` weights are kept by
    held-out multi-step error instead of likelihood. Each member bootstraps: it sees its own
    resampling (with replacement) of every source. Shares are relative. Raises DataError when there
    is too little data.
    """
    sources = [s for s in sources if s.share > 0 and len(s.transitions)]
    if not sources or len(holdout) < 2:
        raise DataError(
            "fitting needs training rows and at least 2 held-out rows; collect more episodes"
        )
    held = Rows.of(model, holdout)
    training = Training(model, sources, config, rng, windows)
    best = BestWeights(model, held, holdout_windows, config.multistep_cap)
    step = 0
    for step in range(1, config.steps + 1):
        training.step()
        if step % config.check_every == 0 or step == config.steps:
            best.look()
            if progress:
                progress(step, config.steps, float(best.nll.mean()))
            if best.stale >= config.patience:
                break
    best.restore()
    elites = np.sort(np.argsort(best.score)[: config.elites])
    model.elites = torch.as_tensor(elites)
    if model.kind == "deterministic":
        measure_error(model, held)
    scale = calibrate_std(model, holdout)
    return FitReport(best.nll, step, tuple(int(e) for e in elites), scale)


class Training:
    """Gradient steps on a model's layers, and nothing that judges them.

    Args:
        model: changed in place.
        sources: training rows, none of them empty.
        config: settings.
        rng: draws batches, and noise if there is any.
        windows: stretches for the multi-step loss.
    """

    def __init__(
        self,
        model: DynamicsEnsemble,
        sources: list[Source],
        config: FitConfig,
        rng: np.random.Generator,
        windows: Windows | None = None,
    ) -> None:
        rows = [Rows.of(model, s.transitions) for s in sources]
        sizes = _batch_sizes([s.share for s in sources], config.batch)
        bootstrap = Bootstrap([len(r.obs) for r in rows], sizes, model.members, rng)
        jitter = Jitter(rows, config.input_noise, rng)
        weights = flatten(model.layers.parameters())
        self.set_gradient = one_step_gradient(model, rows, bootstrap, jitter, weights)
        self.stretches, self.multistep_weight = None, config.multistep_weight
        if windows:
            size, cap = config.multistep_batch, config.multistep_cap
            self.stretches = Stretches(model, windows, size, cap, rng, jitter)
        self.optimizer = torch.optim.AdamW(
            [weights], lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, config.steps, eta_min=config.lr / 10
        )

    def step(self) -> None:
        """One step on a fresh batch."""
        self.set_gradient()
        if self.stretches:
            (self.multistep_weight * self.stretches.loss().sum()).backward()  # adds its gradient
        self.optimizer.step()
        self.schedule.step()


def _batch_sizes(shares: list[float], batch: int) -> list[int]:
    total = sum(shares)
    return [max(1, round(batch * s / total)) for s in shares]
