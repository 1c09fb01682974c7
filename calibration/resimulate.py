"""Simulated episodes in the posterior worlds of recorded ones: the anchor of finetuning.

recorded segments -> the worlds that explain them -> a policy acts in these

The worlds are drawn from [randomization], and from friction that no description states. The real
machine is none of them, but what they share with it (lengths, gains, delays) needs no learning from
real data any more, and they show states that the episodes do not.
"""

from collections.abc import Callable, Sequence

import numpy as np

import sim
from calibration.friction_prior import with_friction_prior
from calibration.log_windows import LogWindows
from calibration.posterior import posterior_worlds
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import Parameters
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.contract.task import Task
from robot_mbrl.data.segment import Segment, transitions_of
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows
from robot_mbrl.envs.episodes import record_worlds

TICKS = 10  # of a window
WINDOWS = 120  # compared with each world
ROUNDS = 4  # of drawing worlds around the best so far
WORLDS = 100  # simulated, drawn from those kept
SECONDS = 7.0
ANYWHERE = 0.4  # share of worlds that start with wrapping joints at any angle, moving
NOISE = 0.2  # standard deviation of exploration


def resimulator(
    spec: RobotSpec, task: Task, act: Policy, seed: int
) -> Callable[[Sequence[Segment]], Transitions]:
    """A function from recorded segments to transitions, rewarded by `task`, that `act` makes in
    worlds that could have made those.

    It raises DataError for segments that are all shorter than a window.
    """
    layout, wide = ObservationLayout.from_spec(spec), with_friction_prior(spec)

    def resimulate(segments: Sequence[Segment]) -> Transitions:
        rng = np.random.default_rng((seed, 3))
        windows = LogWindows.of(layout, Windows.cut(segments, TICKS), centred=True)
        kept = posterior_worlds(wide, windows, rng, most=WINDOWS, rounds=ROUNDS)
        return transitions_of(act_in_worlds(wide, act, kept.parameters, rng), task)

    return resimulate


def act_in_worlds(
    spec: RobotSpec, act: Policy, parameters: Parameters, rng: np.random.Generator
) -> list[Segment]:
    """One episode in each of `WORLDS` worlds drawn from `parameters` (n,) each, world by world."""
    count = len(next(iter(parameters.values())))
    pick = rng.integers(count, size=WORLDS)
    given = {p: v[pick] for p, v in parameters.items() if not p.startswith("initial.")}
    env = sim.make_vec_env(spec, WORLDS, anywhere=ANYWHERE, episode_s=SECONDS)
    noisy = with_noise(act, NOISE, rng)
    segments = record_worlds(env, noisy, seed=int(rng.integers(2**31)), parameters=given)
    env.close()
    return segments


def with_noise(act: Policy, sigma: float, rng: np.random.Generator) -> Policy:
    """A policy under correlated noise."""
    noise = np.zeros((0, 0))

    def explore(obs: np.ndarray) -> np.ndarray:
        nonlocal noise
        action = act(obs)
        noise = correlated_noise(noise if noise.shape == action.shape else 0 * action, rng)
        return np.clip(action + sigma * noise, -1, 1).astype(np.float32)

    return explore
