"""The cart-pole swing-up on which PETS was published, as a gymnasium environment.

A cart on a 5 m rail, a pole of 0.6 m that hangs down at first, a horizontal force; trials of 200
steps of 0.04 s (8 s). Numbers of Chua et al. 2018, "Deep Reinforcement Learning in a Handful of
Trials using Probabilistic Dynamics Models", as in kchua/handful-of-trials, dmbrl/env/cartpole.py
and assets/cartpole.xml: masses follow from capsules of water's density, both joints are damped by
1 (N s/m, N m s), the control u in [-3, 3] is geared to 100 u N, RK4 at 0.02 s, two steps a tick.

Theirs observes (x, angle, v, w) and shows (sin, cos, x, v, w) to the network; here the observation
is (x, cos, sin, v, w) from the start, which is the same knowledge.
"""

from typing import Any

import gymnasium
import mujoco
import numpy as np

from robot_mbrl.contract.arrays import check_finite, check_shape
from robot_mbrl.tasks.classic import CartPoleSwingUp
from sim.mujoco_engine.log_file import write_no_log_file
from sim.mujoco_engine.worlds import UNSTABLE

NAME = "CartPoleSwingUp-v0"
STEPS = 200  # of a trial
PHYSICS_STEPS = 2  # of 0.02 s in a tick
START_STD = 0.1  # of x, angle, v and w at the start, in SI units

MODEL = """
<mujoco model="cart-pole swing-up">
  <option timestep="0.02" integrator="RK4" gravity="0 0 -9.81"/>
  <default>
    <joint damping="1" armature="0"/>
    <geom type="capsule" contype="0" conaffinity="0" density="1000"/>
  </default>
  <worldbody>
    <body name="cart">
      <joint name="slider" type="slide" axis="1 0 0" limited="true" range="-2.5 2.5"/>
      <geom name="cart" size="0.1 0.1" quat="0.707 0 0.707 0"/>
      <body name="pole">
        <joint name="hinge" type="hinge" axis="0 1 0" limited="false"/>
        <geom name="pole" size="0.049" fromto="0 0 0 0.001 0 -0.6"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="force" joint="slider" gear="100" ctrllimited="true" ctrlrange="-3 3"/>
  </actuator>
</mujoco>
"""


class CartPoleSwingUpEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One cart-pole; registered as `CartPoleSwingUp-v0`, with the time limit of 200 steps.

    Observation (x m, cos, sin, v m/s, w rad/s), the angle 0 hanging; action u in [-3, 3].
    `info["unstable"]` says whether the physics blew up, which truncates.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self) -> None:
        self.task = CartPoleSwingUp()
        limit = np.float32(self.task.control)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (5,), np.float64)
        self.action_space = gymnasium.spaces.Box(-limit, limit, (1,), np.float32)
        write_no_log_file()
        self._model = mujoco.MjModel.from_xml_string(MODEL)
        self._data = mujoco.MjData(self._model)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start near hanging at rest; `options={"qpos": (2,), "qvel": (2,)}` sets the state."""
        super().reset(seed=seed)
        mujoco.mj_resetData(self._model, self._data)
        given = options or {}
        for name in ("qpos", "qvel"):
            drawn = START_STD * self.np_random.standard_normal(2)
            getattr(self._data, name)[:] = given.get(name, drawn)
        return self._observe(), {"unstable": False}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One tick of 0.04 s; it never terminates. Raises NotFiniteError, ShapeError."""
        u = np.asarray(action, np.float64)
        check_shape("action", u, (1,))
        check_finite("action", u)
        self._data.ctrl[:] = u
        mujoco.mj_step(self._model, self._data, PHYSICS_STEPS)
        obs = self._observe()
        unstable = bool(self._data.warning.number[UNSTABLE].any())
        reward = 0.0 if unstable else float(self.task.reward(obs, u / self.task.control))
        return obs, reward, False, unstable, {"unstable": unstable}

    def _observe(self) -> np.ndarray:
        (x, angle), (v, w) = self._data.qpos, self._data.qvel
        return np.array([x, np.cos(angle), np.sin(angle), v, w])


gymnasium.register(
    NAME, entry_point="sim.envs.cartpole:CartPoleSwingUpEnv", max_episode_steps=STEPS
)
