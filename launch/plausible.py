"""Simulated episodes of those worlds that explain real ones: the anchor of finetuning.

real stretches -> the worlds that predict them best -> the policy acts in these

The worlds are those of [randomization], and such with worn joints: no description says how its own
robot sticks and cogs. The real machine is none of them, but what they share with it (lengths,
gains, delays) needs no learning from real data any more, and they show states that the episodes do
not.
"""

from collections.abc import Callable

import numpy as np

import sim
from calibration.excitation import Piece
from calibration.log_windows import log_windows
from calibration.posterior import plausible_worlds
from calibration.wear_prior import may_be_worn
from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import Parameters
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.envs.episodes import Act, actor_policy, record_worlds
from robot_mbrl.models.judging.open_loop import Starts

TICKS = 10  # of a window
WINDOWS = 120  # looked at for each world
ROUNDS = 4  # of drawing worlds around the best so far
WORLDS = 100  # simulated, of those kept
SECONDS = 7.0
ANYWHERE = 0.4  # share of worlds that start with wrapping joints at any angle, moving
NOISE = 0.2  # standard deviation of exploration

Simulate = Callable[[list[Piece]], Transitions]


def plausible_simulator(spec: RobotSpec, agent: Mbpo, seed: int) -> Simulate:
    """A function from real stretches to simulated transitions in worlds that could have made them.

    Raises DataError for stretches that are all shorter than a window.
    """

    layout, worn = ObservationLayout.from_spec(spec), may_be_worn(spec)

    def simulate(stretches: list[Piece]) -> Transitions:
        rng = np.random.default_rng((seed, 3))
        windows = log_windows(layout, Starts.cut(stretches, TICKS), centred=True)
        kept = plausible_worlds(worn, windows, rng, most=WINDOWS, rounds=ROUNDS)
        return act_in_worlds(worn, agent, kept.parameters, rng)

    return simulate


def act_in_worlds(
    spec: RobotSpec, agent: Mbpo, parameters: Parameters, rng: np.random.Generator
) -> Transitions:
    """One episode in each of `WORLDS` worlds drawn from `parameters` (n,) each, world by world."""
    count = len(next(iter(parameters.values())))
    pick = rng.integers(count, size=WORLDS)
    given = {p: v[pick] for p, v in parameters.items() if not p.startswith("initial.")}
    env = sim.make_vec_env(spec, WORLDS, anywhere=ANYWHERE, episode_s=SECONDS)
    act = noisy(actor_policy(agent.sac.average), NOISE, rng)
    pieces = record_worlds(env, act, seed=int(rng.integers(2**31)), parameters=given)
    env.close()
    return concatenate([rewarded(agent, obs, actions) for obs, actions in pieces])


def noisy(act: Act, sigma: float, rng: np.random.Generator) -> Act:
    """A policy under correlated noise."""
    noise = np.zeros((0, 0))

    def explore(obs: np.ndarray) -> np.ndarray:
        nonlocal noise
        action = act(obs)
        noise = correlated_noise(noise if noise.shape == action.shape else 0 * action, rng)
        return np.clip(action + sigma * noise, -1, 1).astype(np.float32)

    return explore


def rewarded(agent: Mbpo, obs: np.ndarray, actions: np.ndarray) -> Transitions:
    """Transitions of one episode: observations (T + 1, O), actions (T, A)."""
    reward = agent.task.reward(obs[1:], actions).astype(np.float32)
    ended = agent.task.terminated(obs[1:])
    seen = obs.astype(np.float32)
    return Transitions(seen[:-1], actions.astype(np.float32), seen[1:], reward, ended)
