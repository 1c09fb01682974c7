"""Pictures as observations: what a camera in front of the robot shows."""

from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium.vector.utils import batch_space

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.envs.robot_env import RobotEnv, place_of
from sim.envs.simulated_robot import SimulatedRobot
from sim.envs.vec_env import SimVecEnv
from sim.rendering.picture import Image, Picture

SIZE = 64
Pixels = Literal[True, "only"]
"""True: beside the state, {"state": (O,), "pixels": (64, 64, 3)}, as gymnasium's
AddRenderObservation names them; "only": nothing but the picture."""


def pixel_space(state: gymnasium.Space[Any], pixels: Pixels) -> gymnasium.Space[Any]:
    """The observation space with pictures beside, or instead of, the space of states.

    Raises SettingsError for another kind of `pixels`.
    """
    if pixels not in (True, "only"):
        raise SettingsError(f"pixels: expected False, True or 'only', got {pixels!r}")
    picture = gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
    if pixels == "only":
        return picture
    return gymnasium.spaces.Dict({"state": state, "pixels": picture})


class PixelEnv(gymnasium.Wrapper[Any, np.ndarray, np.ndarray, np.ndarray]):
    """A simulated robot with a camera. The picture shows the true joint angles, now, in the
    nominal shape of the robot, and a ball where it is to go.

    Args:
        env: the robot's environment.
        world: the robot itself.
        pixels: see `Pixels`.
    """

    def __init__(self, env: RobotEnv, world: SimulatedRobot, pixels: Pixels) -> None:
        super().__init__(env)
        state = env.observation_space
        self.observation_space = pixel_space(state, pixels)
        self._inner, self._world, self._pixels = env, world, pixels
        self._picture = Picture(world.spec, SIZE, SIZE, plain=True)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """See RobotEnv; the observation is of `observation_space`."""
        obs, info = self._inner.reset(seed=seed, options=options)
        return self._observation(obs), info

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """See RobotEnv; the observation is of `observation_space`."""
        obs, reward, terminated, truncated, info = self._inner.step(action)
        return self._observation(obs), reward, terminated, truncated, info

    def _observation(self, obs: np.ndarray) -> Any:
        q = self._world.worlds.true_state()[0][0]
        image = self._picture.draw(q, self._inner.place)
        return image if self._pixels == "only" else {"state": obs, "pixels": image}

    def close(self) -> None:
        """Release robot and OpenGL."""
        self._picture.close()
        super().close()


class PixelVecEnv(SimVecEnv):
    """B simulated robots, each with a camera, drawn in turn; see PixelEnv and SimVecEnv."""

    def __init__(self, spec: RobotSpec, num_envs: int, *, pixels: Pixels, **settings: Any) -> None:
        super().__init__(spec, num_envs, **settings)
        self._pixels, self._made_of["pixels"] = pixels, pixels
        space = pixel_space(self.single_observation_space, pixels)
        self.single_observation_space = space
        self.observation_space = batch_space(space, num_envs)
        self._picture = Picture(spec, SIZE, SIZE, plain=True)
        self._images: Image = np.zeros((num_envs, SIZE, SIZE, 3), dtype=np.uint8)

    def _present(self, obs: FloatArray, ids: np.ndarray | None = None) -> Any:
        q, goals = self.worlds.true_state()[0], place_of(self.robot_spec, self._observer.goal)
        for world in range(self.num_envs) if ids is None else ids:
            goal = None if goals is None else goals[world]
            self._images[world] = self._picture.draw(q[world], goal)
        if self._pixels == "only":
            return self._images.copy()
        return {"state": super()._present(obs), "pixels": self._images.copy()}

    def close_extras(self, **kwargs: Any) -> None:
        """Release engine and OpenGL; `close` calls this once."""
        self._picture.close()
        super().close_extras(**kwargs)
