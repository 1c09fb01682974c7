"""What tests ask of every engine alike."""

from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import Parameters
from sim.bullet_engine.worlds import BulletWorlds
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds, make_worlds

each_engine = pytest.mark.parametrize("backend", ["mujoco", "pybullet"])


def parameters(spec: RobotSpec, worlds: int, **given: Any) -> Parameters:
    """Nominal but for `given`, whose dots are written as double underscores."""
    values = dict(spec.nominal) | {k.replace("__", "."): v for k, v in given.items()}
    return {path: np.broadcast_to(v, worlds).astype(float) for path, v in values.items()}


def start(spec: RobotSpec, backend: str, size: int, **given: Any) -> Worlds:
    """So many worlds of an engine, reset to `given` parameters; see `parameters`."""
    worlds = make_worlds(spec, size, backend=backend, threads=1)
    worlds.reset(parameters(spec, size, **given), np.arange(size))
    return worlds


def mass_of_arm(worlds: Worlds, world: int) -> float:
    """What the engine holds, kg."""
    if isinstance(worlds, MujocoWorlds):
        return float(worlds.model_of(world).body("arm").mass[0])
    assert isinstance(worlds, BulletWorlds)
    return float(worlds.describe(world)["links"]["arm"]["mass_kg"])
