"""One robot or B robots as gymnasium environments: `sim.make_env` and `sim.make_vec_env`."""

from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from gymnasium.utils import seeding

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.envs.robot_env import RobotEnv
from sim.envs.pixel_env import PixelEnv, PixelVecEnv
from sim.envs.simulated_robot import SimulatedRobot
from sim.envs.vec_env import SimVecEnv
from sim.rendering.picture import Picture
from sim.rendering.viewer import Viewer


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
        seed: that of the first `reset()`, unless it is given one, and of `action_space.sample()`.
        render_mode: "rgb_array" for pictures by `render`, without a screen; "human" for a window.
        pixels: True adds a picture of 64 x 64 to each observation, {"state", "pixels"}; "only"
            leaves nothing else. Then it is a wrapper: the RobotEnv is its `unwrapped`.
        settings: `episode_s`, `task`, see RobotEnv.

    Raises SpecError for a broken robot folder, SettingsError for a backend that is unknown or not
    installed, and where no picture can be drawn or no window opened.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    world = SimulatedRobot(spec, variations, np.random.default_rng(seed), backend)
    if render_mode is not None and "draw" not in settings:
        settings |= drawing(spec, render_mode)
    env = RobotEnv(world, world, spec, render_mode=render_mode, **settings)
    env.np_random, env._np_random_seed = seeding.np_random(seed)
    env.action_space.seed(seed)
    return PixelEnv(env, world, pixels) if pixels else env


def drawing(spec: RobotSpec, render_mode: str) -> dict[str, Any]:
    """Settings of RobotEnv that draw in a render mode; none for an unknown mode, which it refuses.

    Raises SettingsError where no window can be opened, SpecError for a mesh that cannot be read.
    """
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
        seed: of the generator that draws parameters and sensor noise, and of
            `action_space.sample()`.
        pixels: see make_env; worlds are drawn one after the other.
        settings: `episode_s`, `threads`, `task`, see SimVecEnv.

    Raises SpecError for a broken robot folder, SettingsError for a backend that is unknown or not
    installed.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    variations = spec.randomization if randomize else {}
    settings |= {"backend": backend, "variations": variations, "seed": seed}
    if pixels:
        env: SimVecEnv = PixelVecEnv(spec, num_envs, pixels=pixels, **settings)
    else:
        env = SimVecEnv(spec, num_envs, **settings)
    env.action_space.seed(seed)
    env.single_action_space.seed(seed)
    return env
