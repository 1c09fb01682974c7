"""Which of many randomized worlds could have made a log: those that predict it best."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.parameters import Parameters, sample_parameters
from sim.mujoco_worlds import MujocoWorlds


@dataclass(frozen=True)
class Plausible:
    """The worlds kept, best first: parameters and mean capped errors in rad, (n,) each."""

    parameters: Parameters
    error_rad: FloatArray


@dataclass(frozen=True)
class LogWindows:
    """W windows of K ticks of a log.

    q and qd at the start (W, J), the action before (W, A), actions (W, K, A) in [-1, 1] and how far
    the joints travelled after 1..K ticks (W, K, J) rad.
    """

    q_rad: FloatArray
    qd_rad_s: FloatArray
    before: FloatArray
    actions: FloatArray
    travel_rad: FloatArray

    def take(self, index: np.ndarray) -> "LogWindows":
        """Some of them."""
        return LogWindows(
            self.q_rad[index],
            self.qd_rad_s[index],
            self.before[index],
            self.actions[index],
            self.travel_rad[index],
        )


def plausible_worlds(
    spec: RobotSpec,
    windows: LogWindows,
    rng: np.random.Generator,
    *,
    worlds: int = 256,
    keep: int = 16,
    most: int = 200,
    cap_rad: float = 0.3,
) -> Plausible:
    """Draw `worlds` from [randomization], keep the `keep` that predict the windows best.

    Rejection sampling with a distance, as in approximate Bayesian computation (Beaumont et al.
    2002). At most `most` windows are looked at. Errors count up to `cap_rad`: a push by hand would
    otherwise decide alone.
    """
    windows = windows.take(rng.permutation(len(windows.q_rad))[:most])
    drawn = sample_parameters(spec.randomization, spec.nominal, rng, worlds)
    engine, everyone = MujocoWorlds(spec, worlds), np.arange(worlds)
    errors = []
    for w in range(len(windows.q_rad)):

        def same(x: FloatArray) -> FloatArray:
            return np.broadcast_to(x, (worlds, *x.shape))

        engine.reset(drawn, everyone)
        start, speed = same(windows.q_rad[w]), same(windows.qd_rad_s[w])
        engine.set_true_state(start, speed, everyone, action=same(windows.before[w]))
        gaps = []
        for action, travel in zip(windows.actions[w], windows.travel_rad[w], strict=True):
            engine.step(same(action))
            gaps.append(np.abs(engine.true_state()[0] - start - travel))
        errors.append(np.minimum(gaps, cap_rad).mean((0, 2)))
    score = np.mean(errors, axis=0)
    best = np.argsort(score)[:keep]
    return Plausible({path: values[best] for path, values in drawn.items()}, score[best])
