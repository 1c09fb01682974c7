"""Finetune a dynamics model alone on stretches of real log: no policy, few and long runs.

`finetune` keeps whole episodes out; a log may be one single run, so here whole stretches of it are.

    cut runs into stretches -> hold some out
    -> fit candidates that differ in how much of the multi-step loss is simulated
    -> keep the one with the least held-out error -> accept only if better than before
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig, Mix, Source, fit_candidates
from robot_mbrl.models.fitting.multistep import Windows, blend_windows
from robot_mbrl.models.judging.open_loop import Starts, forecast_error, predict_increments

Piece = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of adaptation."""

    ticks: int = 25
    """length of the windows of the multi-step loss and of the judgement"""
    stretch_ticks: int = 60
    """runs are cut into stretches of about this length, of which some are held out whole; many
    short ones, so that no single push by hand decides what is kept"""
    folds: int = 4
    """every folds-th stretch is held out"""
    real_row_share: float = 0.1
    """share of real rows in a batch of the one-step loss"""
    real_window_shares: tuple[float, ...] = (0.8, 0.5)
    """shares of real windows in the multi-step loss that are tried; the rest is simulated"""
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(
            steps=1000, lr=1e-3, check_every=50, patience=8, multistep_weight=3.0, multistep_cap=3.0
        )
    )
    """the fit; simulated windows keep what was learned where real data is silent"""


@dataclass(frozen=True)
class Split:
    """Stretches to learn from and stretches held out."""

    train: list[Piece]
    held: list[Piece]


@dataclass(frozen=True)
class AdaptReport:
    """The accepted model (the one that came in where nothing was better), and why.

    Attributes:
        accepted: some candidate beat the model that came in.
        error_before_rad: mean absolute held-out error after `ticks` ticks of the old model.
        candidates: the same of each candidate, by share of real windows.
    """

    model: DynamicsEnsemble
    accepted: bool
    error_before_rad: float
    candidates: dict[float, float]


def split_stretches(runs: list[Piece], config: AdaptConfig, offset: int = 0) -> Split:
    """Cut runs into stretches and hold every `folds`-th out, beginning with number `offset`.

    No row is in two stretches, so no held-out window touches what was learned from. Raises
    DataError when nothing long enough is left on either side.
    """
    train: list[Piece] = []
    held: list[Piece] = []
    number = 0
    for run in runs:
        parts = cut_evenly(run, config.stretch_ticks)
        kept: list[Piece] = []
        for part in parts:
            long = len(part[0]) > config.ticks
            if long and number % config.folds == offset % config.folds:
                held.append(part)
                train += joined(kept)
                kept = []
            else:
                kept.append(part)
            number += long
        train += joined(kept)
    if not held or not any(len(o) > config.ticks for o, _ in train):
        raise DataError(
            f"{number} stretches of more than {config.ticks} ticks: expected at least "
            f"{config.folds}; give longer runs or smaller stretch_ticks"
        )
    return Split(train, held)


def joined(parts: list[Piece]) -> list[Piece]:
    """Neighbouring parts as one piece, so that windows may cross their border; or nothing."""
    if sum(len(o) for o, _ in parts) < 2:
        return []
    return [(np.concatenate([o for o, _ in parts]), np.concatenate([a for _, a in parts]))]


def cut_evenly(run: Piece, length: int) -> list[Piece]:
    """Parts of about `length` rows each."""
    obs, actions = run
    edges = np.linspace(0, len(obs), max(1, round(len(obs) / length)) + 1).astype(int)
    return [(obs[a:b], actions[a:b]) for a, b in pairwise(edges)]


def held_error(model: DynamicsEnsemble, held: list[Piece], ticks: int) -> float:
    """Mean absolute position error after `ticks` ticks, rad: a push counts once, not squared."""
    starts = Starts.cut(held, ticks)
    error = forecast_error(model.layout, starts, predict_increments(model, starts))
    return float(np.abs(error.position_rad[:, -1]).mean())


def adapt(
    model: DynamicsEnsemble,
    split: Split,
    real: tuple[Transitions, Transitions],
    simulated: tuple[Transitions, Windows] | None,
    config: AdaptConfig,
    seed: int,
) -> AdaptReport:
    """Fit candidates from `model`'s weights and keep the best if it is better than `model`.

    Args:
        model: not changed.
        split: stretches.
        real: the steps of its two sides, training and held-out.
        simulated: steps and windows to blend in; None learns from real data alone.
        config: settings.
        seed: of the batches.
    """
    before = held_error(model, split.held, config.ticks)
    windows = Windows.cut(model, [p for p in split.train if len(p[0]) > config.ticks], config.ticks)
    held = Windows.cut(model, split.held, config.ticks)
    mixes = {1.0: Mix.of([Source(real[0], 1.0)], windows)}
    if simulated:
        rows, stretches = simulated
        sources = [Source(real[0], config.real_row_share), Source(rows, 1 - config.real_row_share)]
        mixes = {
            share: Mix.of(
                sources, blend_windows(windows, stretches, share, np.random.default_rng((seed, 1)))
            )
            for share in config.real_window_shares
        }
    fitted = fit_candidates(
        model, list(mixes.values()), real[1], config.fit, seed, holdout_windows=held
    )
    models = dict(zip(mixes, fitted, strict=True))
    errors = {share: held_error(m, split.held, config.ticks) for share, m in models.items()}
    best = min(errors, key=lambda s: errors[s])
    accepted = errors[best] < before
    return AdaptReport(models[best] if accepted else model, accepted, before, errors)
