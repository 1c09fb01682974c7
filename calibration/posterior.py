"""Posterior worlds: of many randomized ones, those that explain a log, for they predict it best.

Rejection sampling with a distance, as in approximate Bayesian computation (Beaumont et al. 2002).
"""

from dataclasses import dataclass

import numpy as np

from calibration.log_windows import LogWindows
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.variation import sample_parameters
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds


@dataclass(frozen=True)
class PosteriorWorlds:
    """The worlds kept, best first: parameters and mean capped errors in rad, (n,) each."""

    parameters: Parameters
    error_rad: FloatArray


def posterior_worlds(
    spec: RobotSpec,
    windows: LogWindows,
    rng: np.random.Generator,
    *,
    worlds: int = 256,
    keep: int = 16,
    most: int = 200,
    cap_rad: float = 0.3,
    rounds: int = 3,
) -> PosteriorWorlds:
    """Draw `worlds` from [randomization], keep the `keep` that predict the windows best.

    Each further round draws `worlds` more between and around those kept. At most `most` windows are
    compared. Errors count up to `cap_rad`: a push by hand would otherwise decide alone.
    """
    windows = windows.take(rng.permutation(len(windows))[:most])
    drawn = sample_parameters(spec.randomization, spec.nominal, rng, worlds)
    bounds = {path: (values.min(), values.max()) for path, values in drawn.items()}
    engine = MujocoWorlds(spec, worlds)
    kept = PosteriorWorlds({path: values[:0] for path, values in drawn.items()}, np.zeros(0))
    for number in range(rounds):
        if number:
            drawn = offspring(kept.parameters, bounds, rng, worlds)
        score = world_errors(engine, drawn, windows, cap_rad)
        kept = best_of(kept, PosteriorWorlds(drawn, score), keep)
    engine.close()
    return kept


def best_of(a: PosteriorWorlds, b: PosteriorWorlds, keep: int) -> PosteriorWorlds:
    """The best `keep` worlds of both."""
    score = np.concatenate([a.error_rad, b.error_rad])
    best = np.argsort(score)[:keep]
    joint = {p: np.concatenate([a.parameters[p], b.parameters[p]])[best] for p in a.parameters}
    return PosteriorWorlds(joint, score[best])


def offspring(
    kept: Parameters,
    bounds: dict[str, tuple[float, float]],
    rng: np.random.Generator,
    count: int,
) -> Parameters:
    """`count` worlds, each a kept one moved along the difference of two others (differential
    evolution, Storn & Price 1997), so that steps have the scale and correlation of what is kept."""
    size = len(next(iter(kept.values())))
    parent, a, b = rng.integers(size, size=(3, count))
    factor = rng.uniform(-1, 1, count)
    return {
        path: np.clip(v[parent] + factor * (v[a] - v[b]), *bounds[path]) for path, v in kept.items()
    }


def world_errors(
    engine: Worlds, drawn: Parameters, windows: LogWindows, cap_rad: float
) -> FloatArray:
    """Mean capped error of each world (n,) over the windows, rad; the cap where it blew up."""
    worlds = len(next(iter(drawn.values())))
    everyone, errors = np.arange(worlds), []
    for w in range(len(windows)):

        def same(x: FloatArray) -> FloatArray:
            return np.broadcast_to(x, (worlds, *x.shape))

        engine.reset(drawn, everyone)
        start, speed = same(windows.q_rad[w]), same(windows.qd_rad_s[w])
        engine.set_true_state(start, speed, everyone, action=same(windows.before[w]))
        gaps = []
        for action, travel in zip(windows.action[w], windows.travel_rad[w], strict=True):
            engine.step(same(action))
            gaps.append(np.abs(engine.true_state()[0] - start - travel))
        error = np.minimum(gaps, cap_rad).mean((0, 2))
        errors.append(np.where(engine.unstable(), cap_rad, error))
    return np.asarray(np.mean(errors, axis=0))
