"""An OpenGL context without a screen."""

import importlib
import os
import platform
from typing import Any

from robot_mbrl.contract.errors import SettingsError

HOW = (
    "on Debian or Ubuntu `apt install libegl1 libgl1-mesa-dri` draws on any processor (an NVIDIA "
    "driver brings its own EGL), or `apt install libosmesa6` with MUJOCO_GL=osmesa"
)


def offscreen_context(width: int, height: int) -> Any:
    """A current context: EGL on Linux, which needs no screen, unless MUJOCO_GL names another.

    Raises SettingsError, saying what to install, when there is none.
    """
    default = {"Linux": "egl", "Darwin": "cgl"}.get(platform.system(), "glfw")
    backend = os.environ.get("MUJOCO_GL", "").lower() or default
    if backend not in ("egl", "osmesa", "glfw", "cgl"):
        raise SettingsError(
            f"MUJOCO_GL is {backend!r}; to draw, set it to egl or osmesa, or unset it"
        )
    try:
        context = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
        context.make_current()
    except Exception as error:  # drivers and loaders fail in their own ways
        raise SettingsError(
            f"no picture can be drawn here: MuJoCo cannot open OpenGL by {backend!r} "
            f"({type(error).__name__}: {error}); {HOW}"
        ) from error
    return context
