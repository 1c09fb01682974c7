"""Do predicted intervals hold what happens? Before and after calibration, on other episodes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_mbrl.analysis.recordings import Recording
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.observation.protocol import joint_units
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.uncertainty import Uncertainty, estimate_uncertainty
from robot_mbrl.models.judging.conformal import (
    ConformalThreshold,
    episode_threshold,
    tick_threshold,
)
from robot_mbrl.models.judging.intervals import (
    LEVELS,
    IntervalScale,
    coverage_curve,
    gaussian_nll,
    half_width,
    interval_scale,
)


@dataclass(frozen=True)
class Predicted:
    """One episode against its one-step predictions.

    Attributes:
        error: observed - predicted increment, (T, J) rad.
        uncertainty: of each prediction, the noise as the run scales it.
    """

    error: FloatArray
    uncertainty: Uncertainty

    @property
    def innovation(self) -> FloatArray:
        """Largest |error| / predicted spread over joints, (T,)."""
        worst: FloatArray = np.abs(self.error / self.uncertainty.total).max(-1)
        return worst


@dataclass(frozen=True)
class Coverage:
    """Calibration of one version of the predicted spread, on the test episodes.

    Attributes:
        scale: factor on the network's own noise, (J,).
        spread_scale: factor on its members' spread, (J,).
        curve: share of ticks within central intervals of LEVELS, (levels, J).
        at_level: the same at the level that was calibrated for, (J,).
        standard_error: of `at_level`, from how much whole episodes differ, (J,).
        episodes_low: 10 % quantile over episodes of `at_level`, (J,).
        episodes_high: 90 % quantile, (J,).
        nll: mean negative log-likelihood of the normalized increment, (J,), nats.
    """

    scale: FloatArray
    spread_scale: FloatArray
    curve: FloatArray
    at_level: FloatArray
    standard_error: FloatArray
    episodes_low: FloatArray
    episodes_high: FloatArray
    nll: FloatArray


@dataclass(frozen=True)
class CoverageReport:
    """Coverage with the network's own noise, with the run's scale and with a new one.

    Attributes:
        joints: names of the columns.
        levels: of the curves.
        level: the one that is calibrated for.
        network: noise and spread as the network gives them, scales 1.
        run: as the run scales them, which everything uses.
        calibrated: scales from the calibrating episodes.
        epistemic: median standard deviation of the elites' means, normalized units, (J,).
        aleatoric: median predicted noise, as the run scales it, normalized units, (J,).
        epistemic_rad, aleatoric_rad: the same in rad per tick, of sliders in m.
        units: of the joints, "rad" or "m".
        calibrating_episodes, judging_episodes: how many.
    """

    joints: tuple[str, ...]
    levels: tuple[float, ...]
    level: float
    network: Coverage
    run: Coverage
    calibrated: Coverage
    epistemic: FloatArray
    aleatoric: FloatArray
    epistemic_rad: FloatArray
    aleatoric_rad: FloatArray
    calibrating_episodes: int
    judging_episodes: int
    units: tuple[str, ...]


@dataclass(frozen=True)
class ConformalAlarm:
    """A conformal threshold and the rate that other episodes really show."""

    name: str
    threshold: ConformalThreshold
    seen_rate: float

    @property
    def none(self) -> bool:
        """There were too few episodes for a limit."""
        return math.isinf(self.threshold.limit)


def predict_recording(model: DynamicsEnsemble, recording: Recording) -> Predicted:
    """Predict every tick of an episode one step ahead."""
    return predict_rows(model, recording.obs, recording.action, recording.next_obs)


def predict_rows(
    model: DynamicsEnsemble, obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray
) -> Predicted:
    """Predict transitions obs (B, O), action (B, A), next_obs (B, O) one step ahead."""
    uncertainty = estimate_uncertainty(model, obs, action)
    before, after = (np.asarray(x, np.float64) for x in (obs, next_obs))
    return Predicted(model.layout.increments(before, after) - uncertainty.mean, uncertainty)


def measure_coverage(
    model: DynamicsEnsemble, calibrate: Sequence[Predicted], test: Sequence[Predicted], level: float
) -> CoverageReport:
    """Choose the scales on some episodes and test them on others."""
    own, whole = model.std_scale.double().numpy(), np.ones(len(model.std_scale))
    run = IntervalScale(own, model.spread_scale.double().numpy())
    error = np.concatenate([j.error for j in calibrate])
    noise = np.concatenate([(j.uncertainty.aleatoric / own) ** 2 for j in calibrate])
    spread = np.concatenate([j.uncertainty.epistemic**2 for j in calibrate])
    fresh = interval_scale(error, noise, spread, level)
    unit = test[0].uncertainty.normalized_unit
    epistemic = np.median(np.concatenate([j.uncertainty.epistemic for j in test]), 0)
    aleatoric = np.median(np.concatenate([j.uncertainty.aleatoric for j in test]), 0)
    return CoverageReport(
        joints=model.layout.joints,
        levels=LEVELS,
        level=level,
        network=_coverage(test, own, IntervalScale(whole, whole), level),
        run=_coverage(test, own, run, level),
        calibrated=_coverage(test, own, fresh, level),
        epistemic=epistemic / unit,
        aleatoric=aleatoric / unit,
        epistemic_rad=epistemic,
        aleatoric_rad=aleatoric,
        calibrating_episodes=len(calibrate),
        judging_episodes=len(test),
        units=joint_units(model.layout),
    )


def cross_validated_coverage(
    model: DynamicsEnsemble, held: Transitions, level: float, folds: int = 5
) -> FloatArray:
    """Coverage (J,) of intervals of `level` on transitions that the model was not fitted to.

    For when there are only a few hundred: each fold is tested with the scales that the others
    give. Raises DataError when a fold would be empty.
    """
    if len(held) < folds:
        raise DataError(f"coverage needs at least {folds} held-out transitions, got {len(held)}")
    predicted = predict_rows(model, held.obs, held.action, held.next_obs)
    own = model.std_scale.double().numpy()
    inside = np.zeros(predicted.error.shape, bool)
    fold = np.arange(len(held)) % folds
    for k in range(folds):
        known, test = fold != k, fold == k
        noise = (predicted.uncertainty.aleatoric / own) ** 2
        spread = predicted.uncertainty.epistemic**2
        scale = interval_scale(predicted.error[known], noise[known], spread[known], level)
        std = np.sqrt(scale.noise**2 * noise[test] + scale.spread**2 * spread[test])
        inside[test] = np.abs(predicted.error[test]) <= half_width(level) * std
    coverage: FloatArray = inside.mean(0)
    return coverage


def conformal_alarms(
    calibrate: Sequence[Predicted], test: Sequence[Predicted], alarm_rate: float
) -> tuple[ConformalAlarm, ...]:
    """Thresholds of disagreement and innovation, per tick and per episode."""
    alarms = []
    for name in ("disagreement", "innovation"):
        known, fresh = ([_scores(j, name) for j in group] for group in (calibrate, test))
        per_tick, per_episode = (f(known, alarm_rate) for f in (tick_threshold, episode_threshold))
        ticks = float(np.mean([(s > per_tick.limit).mean() for s in fresh]))
        episodes = float(np.mean([(s > per_episode.limit).any() for s in fresh]))
        alarms += [
            ConformalAlarm(name, per_tick, ticks),
            ConformalAlarm(name, per_episode, episodes),
        ]
    return tuple(alarms)


def _scores(predicted: Predicted, name: str) -> FloatArray:
    return predicted.innovation if name == "innovation" else predicted.uncertainty.disagreement


def _coverage(
    test: Sequence[Predicted], own: FloatArray, scale: IntervalScale, level: float
) -> Coverage:
    """Coverage when the network's spreads are scaled; `own` is the run's noise scale, taken out."""
    stds = [j.uncertainty.rescaled(scale.noise / own, scale.spread).total for j in test]
    error, std = np.concatenate([j.error for j in test]), np.concatenate(stds)
    unit = test[0].uncertainty.normalized_unit
    each = np.stack(
        [coverage_curve(j.error, s, [level])[0] for j, s in zip(test, stds, strict=True)]
    )
    return Coverage(
        scale=scale.noise,
        spread_scale=scale.spread,
        curve=coverage_curve(error, std),
        at_level=coverage_curve(error, std, [level])[0],
        standard_error=each.std(0, ddof=min(1, len(each) - 1)) / np.sqrt(len(each)),
        episodes_low=np.quantile(each, 0.1, axis=0),
        episodes_high=np.quantile(each, 0.9, axis=0),
        nll=gaussian_nll(error / unit, std / unit),
    )
