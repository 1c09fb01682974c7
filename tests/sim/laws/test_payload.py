"""Payloads in each engine: when they come, and what the robot then weighs."""

import math
from pathlib import Path

import mujoco
import numpy as np

from sim import mujoco_model
from sim.bullet_engine.worlds import BulletWorlds, InThisProcess
from sim.mujoco_engine.body_fields import add_payload
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds
from tests.support.engines import each_engine, start
from tests.support.robots import furuta_with


@each_engine
def test_a_payload_comes_at_its_time_and_weighs_what_it_does(backend: str, tmp_path: Path) -> None:
    """Before: the world without it. After: one that was built with it, from the same state on."""
    names = ("kg", "at_s", "distance_m")
    zero = {f"payload_{name}": 0.0 for name in names}
    spec = furuta_with(tmp_path, {"links": {"pendulum": zero, "arm": {"payload_kg": 0.0}}})
    swing = {"initial__pendulum__position_rad": 1.0}
    given = {
        "links__pendulum__payload_kg": np.array([0.0, 0.01, 0.01, 0.03, 0.01]),
        "links__pendulum__payload_at_s": np.array([0.0, 0.0, 0.1, 0.1, 0.1]),
        "links__pendulum__payload_distance_m": np.array([0.1, 0.1, 0.1, 0.1, math.nan]),
        "links__arm__payload_kg": np.array([0.0, 0.0, 0.0, 0.0, 0.05]),
        "links__arm__payload_at_s": 0.2,
        "links__pendulum__length": np.array([1.0, 1.0, 1.0, 1.0, 1.1]),
    }
    worlds = start(spec, backend, 5, **given, **swing)
    path = []
    for _ in range(15):
        worlds.step(np.zeros((5, 1)))
        path.append(worlds.true_state()[0][:, 1])
    swings = np.array(path)
    np.testing.assert_array_equal(swings[:5, 0], swings[:5, 2])
    np.testing.assert_array_equal(swings[:5, 2], swings[:5, 3])
    assert (np.abs(swings[6, 2:4] - swings[6, 0]) > 1e-4).all()
    masses = {
        "pendulum": 0.024 + np.array([0.0, 0.01, 0.01, 0.03, 0.01]),
        "arm": 0.095 + np.array([0.0, 0.0, 0.0, 0.0, 0.05]),
    }
    for world in range(5):
        model = mujoco_model(spec, {"links.pendulum.length": 1.1} if world == 4 else None)
        for link, mass in masses.items():
            added = mass[world] - model.body(link).mass[0]
            distance = 0.1 if world < 4 and link == "pendulum" else math.nan
            if added > 1e-9:
                add_payload(model, model.body(link).id, added, distance)
        data, inertia = mujoco.MjData(model), np.zeros((2, 2))
        data.qpos[:] = worlds.true_state()[0][world]
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, inertia)
        np.testing.assert_allclose(mass_matrix(worlds, world), inertia, rtol=1e-9)


def mass_matrix(worlds: Worlds, world: int) -> np.ndarray:
    """What the engine holds, with rotors, at the state that it is in."""
    if isinstance(worlds, BulletWorlds):
        assert isinstance(worlds._workers[0], InThisProcess)
        return worlds.mass_matrix(world)
    assert isinstance(worlds, MujocoWorlds)
    model = worlds.model_of(world)
    data, inertia = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    data.qpos[:] = worlds.true_state()[0][world]
    mujoco.mj_forward(model, data)
    mujoco.mj_fullM(model, data, inertia)
    return inertia
