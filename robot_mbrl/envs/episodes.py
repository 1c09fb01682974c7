"""Success and return of a policy over many worlds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.task import Task
from robot_mbrl.data.segment import Segment


@dataclass(frozen=True)
class EvaluationReport:
    """One episode in each of B worlds.

    Attributes:
        success: at the goal for the task's final `hold_s`, without termination, (B,); never where
            the physics blew up.
        returns: undiscounted sum of rewards, (B,).
        terminated: ended by the task's termination, (B,).
    """

    success: np.ndarray
    returns: FloatArray
    terminated: np.ndarray

    @property
    def summary(self) -> dict[str, float]:
        """Rates and mean return."""
        return {
            "success": float(self.success.mean()),
            "return": float(self.returns.mean()),
            "terminated": float(self.terminated.mean()),
            "episodes": float(len(self.success)),
        }


def evaluate(
    env: Any, policy: Policy, *, seed: int, task: Task, parameters: Parameters | None = None
) -> EvaluationReport:
    """Run one whole episode in every world of a vector environment.

    Args:
        env: a gymnasium VectorEnv whose worlds reset in the step in which they end.
        policy: observations (B, O) -> actions (B, A).
        seed: of the environment's reset.
        task: decides on the goal.
        parameters: (B,) each, set instead of drawn.
    """
    obs, _ = env.reset(seed=seed, options={"parameters": parameters or {}})
    worlds = len(obs)
    running, terminated, unstable = np.ones(worlds, bool), *np.zeros((2, worlds), bool)
    returns, held = np.zeros(worlds), np.zeros(worlds, np.int64)
    needed = round(task.hold_s * env.robot_spec.control.rate_hz)
    while running.any():
        obs, reward, ended, truncated, info = env.step(policy(obs))
        last = np.where((ended | truncated)[:, None], info.get("final_obs", obs), obs)
        returns += reward * running
        held = np.where(running, np.where(task.at_goal(last), held + 1, 0), held)
        terminated |= running & ended
        unstable |= running & info.get("unstable", False)
        running &= ~(ended | truncated)
    return EvaluationReport((held >= needed) & ~terminated & ~unstable, returns, terminated)


def record_worlds(
    env: Any, policy: Policy, *, seed: int, parameters: Parameters | None = None
) -> list[Segment]:
    """Run one whole episode in every world of a vector environment.

    Arguments as in `evaluate`; `parameters` (B,) each are set instead of drawn. Returns one segment
    a world, without the tick in which the physics blew up.
    """
    obs, _ = env.reset(seed=seed, options={"parameters": parameters or {}})
    seen, done, running = [obs], [], np.ones(len(obs), bool)
    lengths = np.zeros(len(obs), int)
    while running.any():
        action = policy(obs)
        obs, _, terminated, truncated, info = env.step(action)
        ended = (terminated | truncated)[:, None]
        seen.append(np.where(ended, info.get("final_obs", obs), obs))
        done.append(action)
        lengths += running & ~np.asarray(info.get("unstable", False))
        running &= ~ended[:, 0]
    stacked, actions = np.stack(seen, 1), np.stack(done, 1)
    return [Segment(o[: n + 1], a[:n]) for o, a, n in zip(stacked, actions, lengths, strict=True)]
