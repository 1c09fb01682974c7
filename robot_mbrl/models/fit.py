"""Fit an ensemble: bootstrap per member, holdout, patience, best weights per member, elites.

The recipe is that of MBPO (Janner et al. 2019, `bnn.py`): see each member as an independent maximum
likelihood fit that keeps the weights that were best on held-out data.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.calibration import noise_scale
from robot_mbrl.models.ensemble import LOG_STD_MAX, LOG_STD_MIN, DynamicsEnsemble
from robot_mbrl.models.multistep import Windows, error_scale, multistep_loss

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


@dataclass(frozen=True)
class _Rows:
    obs: Tensor
    action: Tensor
    dq: Tensor

    @classmethod
    def of(cls, model: DynamicsEnsemble, t: Transitions) -> "_Rows":
        dq = model.layout.increments(t.obs.astype(np.float64), t.next_obs.astype(np.float64))
        return cls(torch.as_tensor(t.obs), torch.as_tensor(t.action), torch.as_tensor(dq).float())


def fit_normalizers(model: DynamicsEnsemble, transitions: Transitions) -> None:
    """Set input and output statistics from transitions; before the first fit, not for
    finetuning."""
    obs, action = transitions.obs.astype(np.float64), transitions.action.astype(np.float64)
    dq = model.layout.increments(obs, transitions.next_obs.astype(np.float64))
    model.inputs.fit(np.concatenate([obs[:, : model.moves], action], -1))
    model.outputs.fit(dq - model.layout.velocities(obs) * model.layout.dt)


def negative_log_likelihood(
    model: DynamicsEnsemble, obs: Tensor, action: Tensor, dq: Tensor
) -> Tensor:
    """Mean Gaussian NLL of each member, (E,), of the normalized residual; inputs (E, B, .)."""
    mean, log_std = model.residual(obs, action)
    z = (model.target(obs, dq) - mean) * torch.exp(-log_std)
    return (0.5 * z**2 + log_std).mean((1, 2))


def squared_error(model: DynamicsEnsemble, obs: Tensor, action: Tensor, dq: Tensor) -> Tensor:
    """Mean squared error of each member, (E,), of the normalized residual; inputs (E, B, .).

    1 is what the data's mean as the only prediction would have.
    """
    mean, _ = model.residual(obs, action)
    return ((model.target(obs, dq) - mean) ** 2).mean((1, 2))


def member_loss(model: DynamicsEnsemble, obs: Tensor, action: Tensor, dq: Tensor) -> Tensor:
    """The loss of the model's kind per member, (E,)."""
    if model.kind == "deterministic":
        return squared_error(model, obs, action, dq)
    return negative_log_likelihood(model, obs, action, dq)


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
    rows = [_Rows.of(model, s.transitions) for s in sources]
    held = _Rows.of(model, holdout)
    draws = [rng.integers(len(r.obs), size=(model.members, len(r.obs))) for r in rows]
    sizes = _batch_sizes([s.share for s in sources], config.batch)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, config.steps, eta_min=config.lr / 10
    )
    best = _Best(model, held, holdout_windows, config.multistep_cap)
    jitter = _Jitter(rows, config.input_noise, rng)
    stretches = _Stretches(model, windows, config, rng, jitter) if windows else None
    step = 0
    for step in range(1, config.steps + 1):
        obs, action, dq = _bootstrap_batch(rows, draws, sizes, rng)
        loss = member_loss(model, jitter(obs), action, dq).sum()
        if stretches:
            loss = loss + config.multistep_weight * stretches.loss().sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
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


def _batch_sizes(shares: list[float], batch: int) -> list[int]:
    total = sum(shares)
    return [max(1, round(batch * s / total)) for s in shares]


def _bootstrap_batch(
    rows: list[_Rows], draws: list[np.ndarray], sizes: list[int], rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    parts = []
    for r, draw, size in zip(rows, draws, sizes, strict=True):
        picked = rng.integers(draw.shape[1], size=(len(draw), size))
        index = torch.as_tensor(np.take_along_axis(draw, picked, 1))
        parts.append((r.obs[index], r.action[index], r.dq[index]))
    obs, action, dq = (torch.cat(columns, 1) for columns in zip(*parts, strict=True))
    return obs, action, dq


class _Jitter:
    """Adds noise to observations, a share of each column's spread (Bishop 1995: training with noise
    is Tikhonov regularization)."""

    def __init__(self, rows: list[_Rows], share: float, rng: np.random.Generator) -> None:
        self.rng = rng
        self.sigma = share * torch.cat([r.obs for r in rows]).std(0) if share else None

    def __call__(self, obs: Tensor) -> Tensor:
        if self.sigma is None:
            return obs
        noise = self.rng.standard_normal(obs.shape, dtype=np.float32)
        return obs + self.sigma * torch.as_tensor(noise)


class _Stretches:
    """Bootstrapped batches of the multi-step loss."""

    def __init__(
        self,
        model: DynamicsEnsemble,
        windows: Windows,
        config: FitConfig,
        rng: np.random.Generator,
        jitter: _Jitter,
    ) -> None:
        self.model, self.windows, self.rng, self.jitter = model, windows, rng, jitter
        self.size = config.multistep_batch
        self.cap = config.multistep_cap
        self.scale = error_scale(model, windows, robust=math.isfinite(self.cap))
        self.draws = rng.integers(len(windows), size=(model.members, len(windows)))

    def loss(self) -> Tensor:
        """The loss of one batch, per member (E,)."""
        picked = self.rng.integers(self.draws.shape[1], size=(len(self.draws), self.size))
        index = torch.as_tensor(np.take_along_axis(self.draws, picked, 1))
        starts = self.jitter(self.windows.obs[index])
        return multistep_loss(self.model, self.windows, index, self.scale, self.cap, starts=starts)


class _Best:
    """Per member: the weights that were best on held-out rows, or stretches, so far."""

    def __init__(
        self, model: DynamicsEnsemble, held: _Rows, windows: Windows | None, cap: float
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
        self.model.layers.load_state_dict(self.weights)


@torch.no_grad()
def measure_error(model: DynamicsEnsemble, held: _Rows) -> None:
    """Give a deterministic model its noise: each coordinate's held-out error, that of the elites'
    members on average (root mean square)."""
    mean, _ = model.residual(model.spread(held.obs), model.spread(held.action))
    error = model.target(held.obs, held.dq) - mean[model.elites]
    log_error = 0.5 * torch.log((error**2).mean((0, 1)))
    model.log_error.copy_(log_error.clamp(LOG_STD_MIN, LOG_STD_MAX))


@torch.no_grad()
def calibrate_std(
    model: DynamicsEnsemble, holdout: Transitions, coverage: float = 0.9
) -> FloatArray:
    """Set `model.std_scale` so that central `coverage` intervals of the elites' mixture mean cover
    that share of held-out rows, per joint; returns the factors (J,)."""
    model.std_scale.fill_(1.0)
    rows = _Rows.of(model, holdout)
    mean, std = model.increments(model.spread(rows.obs), model.spread(rows.action))
    mean, std = mean[model.elites].double(), std[model.elites].double()
    centre = mean.mean(0)
    noise, spread = (std**2).mean(0), ((mean - centre) ** 2).mean(0)
    error = rows.dq - centre
    scale = noise_scale(error.numpy(), noise.numpy(), spread.numpy(), coverage)
    model.std_scale.copy_(torch.as_tensor(scale).clamp(0.2, 5.0))
    return model.std_scale.double().numpy().copy()


def mixture(mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (B, J) of an equal mixture of members (E, B, J): moment
    matching."""
    centre = mean.mean(0)
    variance = (std**2).mean(0) + ((mean - centre) ** 2).mean(0)
    return centre, variance.sqrt()
