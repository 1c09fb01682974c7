"""Where `bench learn` learns and is evaluated: gymnasium's environments by name, and one robot."""

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

import sim
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.interface import Policy
from robot_mbrl.envs.episodes import evaluate

FIRST_START = 10_000  # seeds of the start states of every evaluation
ROBOTS = ("furuta",)


def one_machine(robot: str) -> RobotSpec:
    """A robot of which only the initial state differs from episode to episode."""
    spec = load_robot(robot)
    starts = {k: v for k, v in spec.randomization.items() if k.startswith("initial.")}
    return replace(spec, randomization=starts)


def make_learning_env(name: str) -> Any:
    """The environment with actions in [-1, 1]."""
    if name in ROBOTS:
        return sim.make_env(one_machine(name))
    one = np.float32(1.0)
    return gymnasium.wrappers.RescaleAction(gymnasium.make(name), -one, one)


def evaluate_policy(name: str, act: Policy, episodes: int) -> dict[str, float]:
    """Mean and least return over start states, for a robot success as well."""
    if name in ROBOTS:
        env = sim.make_vec_env(one_machine(name), episodes, seed=FIRST_START)
        report = evaluate(env, act, seed=FIRST_START, task=env.task)
        env.close()
        return _summary(report.returns) | {"success": float(report.success.mean())}
    return _summary(gym_returns(name, act, episodes))


def gym_returns(name: str, act: Policy, episodes: int) -> np.ndarray:
    """Returns (episodes,) from the start states of seeds FIRST_START and on."""
    envs = gymnasium.vector.SyncVectorEnv([lambda: make_learning_env(name)] * episodes)
    obs, _ = envs.reset(seed=[FIRST_START + k for k in range(episodes)])
    running, returns = np.ones(episodes, bool), np.zeros(episodes)
    while running.any():
        obs, reward, ended, truncated, _ = envs.step(act(obs.astype(np.float32)))
        returns += reward * running
        running &= ~(ended | truncated)
    envs.close()
    return returns


def _summary(returns: np.ndarray) -> dict[str, float]:
    return {
        "return": float(returns.mean()),
        "least": float(returns.min()),
        "episodes": float(len(returns)),
    }
