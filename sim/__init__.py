"""Simulated robots: the same description, as many differently built worlds as you like."""

from pathlib import Path
from typing import Any

import numpy as np

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.env import RobotEnv
from sim.build import mujoco_model
from sim.mujoco_robot import MujocoRobot
from sim.mujoco_vec import MujocoVecEnv
from sim.picture import Picture

__all__ = ["Picture", "make_env", "make_vec_env", "mujoco_model"]


def make_env(
    robot: str | Path | RobotSpec,
    *,
    randomize: bool = True,
    seed: int = 0,
    render_mode: str | None = None,
    **settings: Any,
) -> RobotEnv:
    """One simulated robot as a `gymnasium.Env`.

    Args:
        robot: built-in name, folder, or spec.
        randomize: draw [randomization] at each reset; otherwise the world is nominal and starts at
            0.
        seed: of the generator, until `reset(seed=...)`.
        render_mode: "rgb_array" for pictures by `render`, without a screen.
        settings: `episode_s`, `task`, see RobotEnv.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    world = MujocoRobot(spec, variations, np.random.default_rng(seed))
    if render_mode == "rgb_array":
        settings = {"draw": Picture(spec).draw} | settings
    return RobotEnv(world, world, spec, render_mode=render_mode, **settings)


def make_vec_env(
    robot: str | Path | RobotSpec,
    num_envs: int,
    *,
    randomize: bool = True,
    seed: int = 0,
    **settings: Any,
) -> MujocoVecEnv:
    """B simulated robots as one `gymnasium.vector.VectorEnv`.

    Args:
        robot: built-in name, folder, or spec.
        num_envs: B.
        randomize: draw [randomization] at each reset; otherwise every world is nominal and starts
            at 0.
        seed: of the generator that draws parameters and sensor noise.
        settings: `episode_s`, `threads`, `task`, see MujocoVecEnv.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    return MujocoVecEnv(spec, num_envs, variations=variations, seed=seed, **settings)
