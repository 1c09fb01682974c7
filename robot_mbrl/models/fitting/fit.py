"""Fit an ensemble: bootstrap per member, holdout, patience, best weights per member, elites.

The recipe is that of MBPO (Janner et al. 2019, `bnn.py`): see each member as an independent maximum
likelihood fit that keeps the weights that were best on held-out data.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError, check_range
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.best_weights import BestWeights
from robot_mbrl.models.fitting.bootstrap import RowBatches, WindowBatches
from robot_mbrl.models.fitting.loss import Rows
from robot_mbrl.models.fitting.multistep import WindowBatch, error_scale, multistep_loss
from robot_mbrl.models.fitting.noise_scale import calibrate_std, set_error_scale
from robot_mbrl.models.fitting.one_step import one_step_gradient
from robot_mbrl.networks.parameter_buffer import flatten

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
    """steps between evaluations on the held-out data"""
    patience: int = 8
    """evaluations without improvement after which fitting ends"""
    elites: int = 4
    """members used for prediction, the best on held-out data"""
    bootstrap: bool = True
    """each member has its own resampling (with replacement) of the rows; where rows are scarce and
    members differ anyway, the 37 % that each then never sees are missed more (Lakshminarayanan et
    al. 2017, section 2.4)"""
    input_noise: float = 0.0
    """noise on observations while fitting, in standard deviations of each column: scarce rows do
    not separate the noise of their encoders from motion, and a network learns it by heart"""
    multistep_weight: float = 0.0
    """weight of the multi-step loss on windows, against the one-step likelihood's 1"""
    multistep_batch: int = 48
    """windows per member and step"""
    multistep_cap: float = math.inf
    """multi-step errors beyond this many typical ones count linearly, not squared: for pushes"""

    def __post_init__(self) -> None:
        check_range(self, 0, 1e9, "steps", "weight_decay", "input_noise", "multistep_weight")
        check_range(self, 1, 1e6, "batch", "check_every", "patience", "elites", "multistep_batch")
        check_range(self, 0, 10, "lr")
        check_range(self, 1e-12, math.inf, "multistep_cap")


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


@dataclass(frozen=True)
class Mix:
    """What one model learns from: sources of rows, none of them empty, and windows for the
    multi-step loss."""

    sources: list[Source]
    windows: Windows | None = None

    @classmethod
    def of(cls, sources: list[Source], windows: Windows | None = None) -> "Mix":
        """Without empty sources. Raises DataError when nothing is left."""
        sources = [s for s in sources if s.share > 0 and len(s.transitions)]
        if not sources:
            raise DataError("fitting needs training rows; collect more episodes")
        return cls(sources, windows)


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
    held-out multi-step error instead of likelihood. Shares are relative. Raises DataError when
    there is too little data.
    """
    mixes = [Mix.of(sources, windows)]
    return fit_mixes(
        model, mixes, holdout, config, [rng], progress, holdout_windows=holdout_windows
    )


def fit_mixes(
    model: DynamicsEnsemble,
    mixes: Sequence[Mix],
    holdout: Transitions,
    config: FitConfig,
    rngs: Sequence[np.random.Generator],
    progress: Progress | None = None,
    *,
    holdout_windows: Windows | None = None,
) -> FitReport:
    """Fit `model` in place, each equal share of its members from a mix and a generator of their
    own; otherwise as `fit_ensemble`."""
    training = Training(model, mixes, config, rngs)
    best, step = _train(training, holdout, holdout_windows, config, progress)
    return _finish(model, best.score, best.nll, step, holdout, config)


def _train(
    training: "Training",
    holdout: Transitions,
    holdout_windows: Windows | None,
    config: FitConfig,
    progress: Progress | None,
) -> tuple[BestWeights, int]:
    """Steps until patience ends; the best weights are in the model then."""
    if len(holdout) < 2:
        raise DataError("fitting needs at least 2 held-out rows; collect more episodes")
    best = BestWeights(
        training.model,
        Rows.of(training.model, holdout),
        holdout_windows,
        config.multistep_cap,
        groups=training.groups,
        patience=config.patience,
    )
    step = 0
    for step in range(1, config.steps + 1):
        training.step()
        if step % config.check_every == 0 or step == config.steps:
            best.evaluate()
            if progress:
                progress(step, config.steps, float(best.nll.mean()))
            if best.done:
                break
    best.restore()
    return best, step


def _finish(
    model: DynamicsEnsemble,
    score: FloatArray,
    nll: FloatArray,
    step: int,
    holdout: Transitions,
    config: FitConfig,
) -> FitReport:
    """Elites by score (E,), and the size of the noise."""
    elites = np.sort(np.argsort(score)[: config.elites])
    model.elites = torch.as_tensor(elites)
    if model.kind == "deterministic":
        set_error_scale(model, Rows.of(model, holdout))
    scale = calibrate_std(model, holdout)
    return FitReport(nll, step, tuple(int(e) for e in elites), scale)


class Training:
    """Gradient steps on a model's layers, and nothing that evaluates them.

    Args:
        model: changed in place.
        mixes: training data of each equal share of the members.
        config: settings.
        rngs: of each mix; draws batches, and noise if there is any.
    """

    def __init__(
        self,
        model: DynamicsEnsemble,
        mixes: Sequence[Mix],
        config: FitConfig,
        rngs: Sequence[np.random.Generator],
    ) -> None:
        self.model, self.groups, self.cap = model, len(mixes), config.multistep_cap
        members = model.members // len(mixes)
        self._rows: list[RowBatches] = []
        self._windows: list[WindowBatches] = []
        for mix, rng in zip(mixes, rngs, strict=True):
            rows = [Rows.of(model, s.transitions) for s in mix.sources]
            sizes = _batch_sizes([s.share for s in mix.sources], config.batch)
            self._rows.append(
                RowBatches(rows, sizes, members, rng, config.input_noise, resample=config.bootstrap)
            )
            if mix.windows:
                jitter, size = self._rows[-1].jitter, config.multistep_batch
                windows = WindowBatch.of(model.layout, mix.windows)
                self._windows.append(
                    WindowBatches(windows, size, members, rng, jitter, resample=config.bootstrap)
                )
        weights = flatten(model.layers.parameters())
        self.set_gradient = one_step_gradient(model, self._rows, weights)
        self.multistep_weight = config.multistep_weight
        if self._windows:
            self._scale = self._error_scale()
        self.optimizer = torch.optim.AdamW(
            [weights], lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, config.steps, eta_min=config.lr / 10
        )

    def _error_scale(self) -> torch.Tensor:
        """Unit of the multi-step loss for every member, (K, E, 1, J) rad."""
        groups = torch.arange(self.model.members).chunk(self.groups)
        robust = math.isfinite(self.cap)
        scales = [
            error_scale(self.model.subset(members), w.windows, robust=robust)
            for members, w in zip(groups, self._windows, strict=True)
        ]
        return torch.cat([s.expand(-1, len(groups[0]), -1, -1) for s in scales], 1)

    def step(self) -> None:
        """One step on a fresh batch."""
        self.set_gradient()
        if self._windows:
            batch = WindowBatch.concatenate([windows.draw() for windows in self._windows])
            loss = multistep_loss(self.model, batch, self._scale, self.cap)
            (self.multistep_weight * loss.sum()).backward()  # adds its gradient
        self.optimizer.step()
        self.schedule.step()


def _batch_sizes(shares: list[float], batch: int) -> list[int]:
    total = sum(shares)
    return [max(1, round(batch * s / total)) for s in shares]
