"""Simulated robots: the same description, as many differently built worlds as you like."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.envs.make import make_env, make_vec_env
    from sim.mujoco_engine.model import mujoco_model
    from sim.rendering.picture import Picture
    from sim.rendering.viewer import Viewer

__all__ = ["Picture", "Viewer", "make_env", "make_vec_env", "mujoco_model"]

WHERE = {
    "Picture": "sim.rendering.picture",
    "Viewer": "sim.rendering.viewer",
    "make_env": "sim.envs.make",
    "make_vec_env": "sim.envs.make",
    "mujoco_model": "sim.mujoco_engine.model",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is asked for: PyBullet's processes import this package too,
    and need neither MuJoCo nor gymnasium, which take three quarters of a second."""
    if name not in WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(WHERE[name]), name)
