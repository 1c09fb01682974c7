"""Simulated robots: the same description, as many differently built worlds as you like."""

from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.envs.robot_env import RobotEnv
from sim.envs.pixel_env import PixelEnv, PixelVecEnv
from sim.envs.simulated_robot import SimulatedRobot
from sim.envs.vec_env import SimVecEnv
from sim.mujoco_engine.model import mujoco_model
from sim.rendering.picture import Picture
from sim.rendering.viewer import Viewer

__all__ = ["Picture", "Viewer", "make_env", "make_vec_env", "mujoco_model"]


@overload
def make_env(
    robot: str | Path | RobotSpec, *, pixels: Literal[False] = ..., **settings: Any
) -> RobotEnv: ...


@overload
def make_env(
    robot: str | Path | RobotSpec, *, pixels: Literal[True, "only"], **settings: Any
) -> PixelEnv: ...


def make_env(
    robot: str | Path | RobotSpec,
    *,
    backend: str = "mujoco",
    randomize: bool = True,
    seed: int = 0,
    render_mode: str | None = None,
    pixels: bool | Literal["only"] = False,
    **settings: Any,
) -> RobotEnv | PixelEnv:
    """One simulated robot as a `gymnasium.Env`.

    Args:
        robot: built-in name, folder, or spec.
        backend: "mujoco" or "pybullet".
        randomize: draw what [randomization] says, when it says; otherwise the world is nominal
            and starts at 0.
        seed: of the generator, until `reset(seed=...)`.
        render_mode: "rgb_array" for pictures by `render`, without a screen; "human" for a window.
        pixels: True adds a picture of 64 x 64 to each observation, {"state", "pixels"}; "only"
            leaves nothing else. Then it is a wrapper: the RobotEnv is its `unwrapped`.
        settings: `episode_s`, `task`, see RobotEnv.

    Raises SpecError for an unknown backend or one that is not installed, DataError where no picture
    can be drawn or no window opened.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    world = SimulatedRobot(spec, variations, np.random.default_rng(seed), backend)
    if render_mode is not None and "draw" not in settings:
        settings |= drawing(spec, render_mode)
    env = RobotEnv(world, world, spec, render_mode=render_mode, **settings)
    return PixelEnv(env, world, pixels) if pixels else env


def drawing(spec: RobotSpec, render_mode: str) -> dict[str, Any]:
    """What draws in a render mode, as settings of RobotEnv; nothing for an unknown mode."""
    if render_mode == "rgb_array":
        picture = Picture(spec)
        return {"draw": picture.draw, "close_drawing": picture.close}
    if render_mode == "human":
        viewer = Viewer(spec)
        return {"draw": viewer.show, "close_drawing": viewer.close}
    return {}


def make_vec_env(
    robot: str | Path | RobotSpec,
    num_envs: int,
    *,
    backend: str = "mujoco",
    randomize: bool = True,
    seed: int = 0,
    pixels: bool | Literal["only"] = False,
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
        pixels: see make_env; worlds are drawn one after the other.
        settings: `episode_s`, `threads`, `task`, see SimVecEnv.

    Raises SpecError for an unknown backend or one that is not installed.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    settings |= {"backend": backend, "variations": variations, "seed": seed}
    if pixels:
        return PixelVecEnv(spec, num_envs, pixels=pixels, **settings)
    return SimVecEnv(spec, num_envs, **settings)
