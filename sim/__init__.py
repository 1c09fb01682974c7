"""Simulated robots: the same description, as many differently built worlds as you like."""

from pathlib import Path
from typing import Any

import numpy as np

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.env import RobotEnv
from sim.build import mujoco_model
from sim.picture import Picture
from sim.robot import SimulatedRobot
from sim.vec_env import SimVecEnv

__all__ = ["Picture", "make_env", "make_vec_env", "mujoco_model"]


def make_env(
    robot: str | Path | RobotSpec,
    *,
    backend: str = "mujoco",
    randomize: bool = True,
    seed: int = 0,
    render_mode: str | None = None,
    **settings: Any,
) -> RobotEnv:
    """One simulated robot as a `gymnasium.Env`.

    Args:
        robot: built-in name, folder, or spec.
        backend: "mujoco" or "pybullet".
        randomize: draw what [randomization] says, when it says; otherwise the world is nominal
            and starts at 0.
        seed: of the generator, until `reset(seed=...)`.
        render_mode: "rgb_array" for pictures by `render`, without a screen.
        settings: `episode_s`, `task`, see RobotEnv.

    Raises SpecError for an unknown backend or one that is not installed.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    world = SimulatedRobot(spec, variations, np.random.default_rng(seed), backend)
    if render_mode == "rgb_array":
        settings = {"draw": Picture(spec).draw} | settings
    return RobotEnv(world, world, spec, render_mode=render_mode, **settings)


def make_vec_env(
    robot: str | Path | RobotSpec,
    num_envs: int,
    *,
    backend: str = "mujoco",
    randomize: bool = True,
    seed: int = 0,
    **settings: Any,
) -> SimVecEnv:
    """B simulated robots as one `gymnasium.vector.VectorEnv`.

    Args:
        robot: built-in name, folder, or spec.
        num_envs: B.
        backend: "mujoco" (threads) or "pybullet" (processes).
        randomize: draw what [randomization] says, when it says; otherwise every world is nominal
            and starts at 0.
        seed: of the generator that draws parameters and sensor noise.
        settings: `episode_s`, `threads`, `task`, see SimVecEnv.

    Raises SpecError for an unknown backend or one that is not installed.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    return SimVecEnv(spec, num_envs, backend=backend, variations=variations, seed=seed, **settings)
