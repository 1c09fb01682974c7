"""An interactive window that shows a robot as it moves, where there is a screen."""

import importlib
import os
import platform
import time
import warnings
from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, check_shape
from robot_mbrl.contract.errors import SettingsError
from sim.rendering.picture import mark_goal
from sim.rendering.picture_model import picture_model

HOW = (
    "run it on a desktop (over ssh: with X forwarding, ssh -X), or use render_mode='rgb_array', "
    "which needs no screen; `robot-mbrl sim --gif run.gif` writes a file"
)


class Viewer:
    """MuJoCo's passive viewer: turn, zoom, pause with the mouse. Closed windows stay closed.

    Args:
        spec: the robot.
        launch: opens the window of a model and its data; `mujoco.viewer.launch_passive`.

    Raises:
        SettingsError: there is no screen.
    """

    def __init__(self, spec: RobotSpec, launch: Callable[..., Any] | None = None) -> None:
        if launch is None:
            check_screen()
            launch = importlib.import_module("mujoco.viewer").launch_passive
        self._dt, self._next_s = spec.control.dt, time.monotonic()
        self._model = picture_model(spec)
        self._data = mujoco.MjData(self._model)
        self._qpos = np.array([self._model.joint(j.name).qposadr[0] for j in spec.joints])
        self._size = float(self._model.stat.extent) / 40
        self._window = launch(self._model, self._data, show_left_ui=False, show_right_ui=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Raises SettingsError: a window cannot be copied."""
        raise SettingsError("a window cannot be copied or pickled; use render_mode None")

    def show(self, q: FloatArray, goal: FloatArray | None = None) -> None:
        """Show joint positions q (J,) in rad and where to go, (3,) in m, no faster than in life."""
        check_shape("q", q, (len(self._qpos),))
        if not self._window.is_running():
            return
        with self._window.lock():
            self._data.qpos[self._qpos] = q
            mujoco.mj_kinematics(self._model, self._data)
            scene = self._window.user_scn
            if scene is not None:
                scene.ngeom = 0
                if goal is not None:
                    mark_goal(scene, goal, self._size)
        self._window.sync()
        now = time.monotonic()
        time.sleep(max(0.0, self._next_s - now))
        self._next_s = max(now, self._next_s) + self._dt

    def close(self) -> None:
        """Close the window; may be called twice."""
        self._window.close()


def check_screen() -> None:
    """Raise SettingsError, saying what to do, where no window can be opened.

    MuJoCo's viewer itself would wait for ever.
    """
    if platform.system() == "Linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise SettingsError(
            f"no window can be opened here: neither DISPLAY nor WAYLAND_DISPLAY is set; {HOW}"
        )
    glfw = importlib.import_module("glfw")
    with warnings.catch_warnings():  # it warns first, then returns False
        warnings.simplefilter("ignore")
        found = glfw.init()
    if not found:
        raise SettingsError(f"no window can be opened here: GLFW does not find a screen; {HOW}")
