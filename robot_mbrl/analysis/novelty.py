"""Does disagreement know where the model was not trained, and where it is wrong?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_mbrl.analysis.coverage import Predicted
from robot_mbrl.analysis.recordings import Recording, segments_of
from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.uncertainty import estimate_uncertainty

SPEEDS = (1.5, 2.0, 3.0, 5.0)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 10


@dataclass(frozen=True)
class Novelty:
    """Disagreement inside and outside the training distribution.

    Attributes:
        names: of the sets: "replay buffer", "held out", then "held out, s x as fast".
        quantiles: disagreement of each set at QUANTILES, (names, 5).
        auroc: chance that one of a set disagrees more than one of "held out", (names,).
        above: share of each set above the limit, (names,).
        limit: the conformal limit per tick.
        bin_disagreement: median disagreement of each tenth of the held-out ticks, (BINS,).
        bin_error: root mean square normalized error there, (BINS,).
        bin_z: root mean square of error / predicted spread there, (BINS,); 1 where honest.
    """

    names: tuple[str, ...]
    quantiles: FloatArray
    auroc: FloatArray
    above: FloatArray
    limit: float
    bin_disagreement: FloatArray
    bin_error: FloatArray
    bin_z: FloatArray


def measure_novelty(
    model: DynamicsEnsemble,
    replay: Transitions,
    recordings: Sequence[Recording],
    predicted: Sequence[Predicted],
    limit: float,
    rng: np.random.Generator,
) -> Novelty:
    """Compare sets of states; `replay` are rows of the run's buffer, as many as are compared."""
    layout = model.layout
    if not isinstance(layout, ObservationLayout):
        raise DataError("motion at other speeds: expected a robot's columns, got plain ones")
    windows = Windows.sample(segments_of(recordings), _memory(layout) + 1, len(replay), rng)
    replay = replay.take(slice(len(windows)))
    sets = {"replay buffer": _disagreement(model, replay.obs, replay.action)}
    for speed in (1.0, *SPEEDS):
        name = "held out" if speed == 1.0 else f"held out, {speed:g} x as fast"
        sets[name] = _disagreement(model, *faster(layout, windows, speed))
    inside = sets["held out"]
    values = np.stack(list(sets.values()))
    disagreement, error, z = _bins(predicted)
    return Novelty(
        names=tuple(sets),
        quantiles=np.quantile(values, QUANTILES, axis=1).T,
        auroc=np.array([auroc(inside, v) for v in values]),
        above=(values > limit).mean(1),
        limit=limit,
        bin_disagreement=disagreement,
        bin_error=error,
        bin_z=z,
    )


def faster(
    layout: ObservationLayout, windows: Windows, speed: float
) -> tuple[FloatArray, FloatArray]:
    """The same motion so many times as fast: last observations (W, O) and their actions (W, A).

    Every increment is multiplied, and the observation's history follows exactly, so what comes out
    is consistent: a state that the robot could be in, though perhaps never was. Windows must be
    longer by one tick than the observation remembers.
    """
    obs = np.asarray(windows.obs, np.float64)
    dq = speed * layout.increments(obs[:, :-1], obs[:, 1:])
    x = obs[:, 0].copy()
    joints, block = len(layout.joints), len(layout.block)
    x[:, block - joints : block] *= speed
    for k in range(dq.shape[1] - 1):
        x = layout.advance(x, dq[:, k], windows.action[:, k])
    return x, windows.action[:, -1]


def auroc(inside: FloatArray, outside: FloatArray) -> float:
    """Chance that a value of `outside` is larger than one of `inside`; ties count half."""
    below = np.searchsorted(np.sort(inside), outside, side="left")
    upto = np.searchsorted(np.sort(inside), outside, side="right")
    return float((below + upto).mean() / (2 * len(inside)))


def _memory(layout: ObservationLayout) -> int:
    return max(layout.observation_history, layout.action_history) + 1


def _disagreement(model: DynamicsEnsemble, obs: np.ndarray, action: np.ndarray) -> FloatArray:
    return estimate_uncertainty(model, obs, action).disagreement


def _bins(predicted: Sequence[Predicted]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Held-out ticks in tenths by disagreement."""
    disagreement = np.concatenate([j.uncertainty.disagreement for j in predicted])
    error = np.concatenate([j.error / j.uncertainty.normalized_unit for j in predicted])
    z = np.concatenate([j.error / j.uncertainty.total for j in predicted])
    tenths = np.array_split(np.argsort(disagreement, kind="stable"), BINS)
    return (
        np.array([np.median(disagreement[t]) for t in tenths]),
        np.array([np.sqrt((error[t] ** 2).mean()) for t in tenths]),
        np.array([np.sqrt((z[t] ** 2).mean()) for t in tenths]),
    )
