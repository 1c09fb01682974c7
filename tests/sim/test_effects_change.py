"""Parameters that change within an episode leave what has happened so far as it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from sim import make_vec_env
from sim.bullet_engine.worlds import BulletWorlds, InThisProcess
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds, make_worlds
from tests.support.engines import each_engine, parameters
from tests.support.robots import furuta_toml, quiet, write_robot

EFFECTS: dict[str, Any] = {
    "joints": {"arm": {"static_friction_nm": 3e-4}, "pendulum": {"backlash_rad": 0.02}},
    "links": {"pendulum": {"payload_kg": 0.01}},
    "actuators": {"motor": {"heating_k": 50.0, "heating_s": 0.2}},
}


def robot(folder: Path, effects: dict[str, Any], **changes: Any) -> RobotSpec:
    toml = quiet(furuta_toml()) | {"effects": effects} | changes
    return load_robot(write_robot(folder, toml))


def state(worlds: Worlds) -> dict[str, np.ndarray]:
    """What changes as time passes."""
    assert isinstance(worlds, MujocoWorlds | BulletWorlds)
    return worlds.get_state()


def loaded_mass(worlds: Worlds) -> float:
    """Of the pendulum and what it carries, as the engine has it, kg."""
    if isinstance(worlds, MujocoWorlds):
        return float(worlds._batch.get_model(0).body("pendulum").mass[0])
    assert isinstance(worlds, BulletWorlds) and isinstance(worlds._workers[0], InThisProcess)
    links = worlds.describe(0)["links"]
    parts = [name for name in links if "pendulum" in name]
    return float(sum(links[name]["mass_kg"] for name in parts))


@each_engine
def test_a_change_keeps_temperature_payload_and_play(backend: str, tmp_path: Path) -> None:
    spec = robot(tmp_path, EFFECTS)
    worlds, world = make_worlds(spec, 1, backend=backend, threads=1), np.array([0])
    given = parameters(spec, 1, initial__pendulum__position_rad=0.5)
    worlds.reset(given, world)
    for _ in range(5):
        worlds.step(np.full((1, 1), 0.3))
    before = state(worlds)
    assert loaded_mass(worlds) == pytest.approx(0.034)
    heavier = given | {"links.pendulum.mass": np.array([1.5])}
    worlds.change(heavier, world, ("links.pendulum.mass",))
    after = state(worlds)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, err_msg=name)
    assert any("excess" in name and values.any() for name, values in after.items())
    assert loaded_mass(worlds) == pytest.approx(1.5 * 0.024 + 0.01)
    worlds.step(np.zeros((1, 1)))
    worlds.reset(given, world)
    worlds.step(np.zeros((1, 1)), 1)
    fresh = state(worlds)
    [excess] = [values for name, values in fresh.items() if "excess" in name]
    assert excess[0, 0] < 0.1, "cold again"


@each_engine
def test_a_change_of_something_else_leaves_stiction_alone(backend: str, tmp_path: Path) -> None:
    """Coulomb friction is not read back from what the Stribeck curve made of it."""
    spec = robot(tmp_path, {"joints": {"arm": {"static_friction_nm": 5e-3}}})
    given = parameters(spec, 1)
    ends = []
    for again in (False, True):
        worlds = make_worlds(spec, 1, backend=backend, threads=1)
        worlds.reset(given, np.array([0]))
        for _ in range(20):
            worlds.step(np.full((1, 1), 0.4))
            if again:
                worlds.change(given, np.array([0]), ("actuators.motor.supply",))
        ends.append(worlds.true_state()[0])
    np.testing.assert_array_equal(*ends)


@each_engine
def test_effects_are_drawn_when_robot_toml_says(backend: str, tmp_path: Path) -> None:
    """A cable that stiffens with every tick, samples that begin to get lost."""
    varied = {
        "joints": {"pendulum": {"cable_nm_rad": {"range": [0.0, 1e-2], "when": "step"}}},
        "sensors": {"lost_share": {"range": [0, 1], "when": "interval", "every_s": [0.04, 0.2]}},
    }
    spec = robot(tmp_path, {}, randomization=varied)
    env = make_vec_env(spec, 3, backend=backend, seed=0)
    env.reset()
    told: dict[str, list[np.ndarray]] = {path: [] for path in spec.randomization}
    for _ in range(20):
        parameters_now = env.step(np.zeros((3, 1)))[4]["parameters"]
        for path in told:
            told[path].append(parameters_now[path])
        assert env._faults is not None
        np.testing.assert_array_equal(env._faults._lost, parameters_now["sensors.lost_share"])
    assert (np.diff(told["joints.pendulum.cable_nm_rad"], axis=0) != 0).all()
    changes = (np.diff(told["sensors.lost_share"], axis=0) != 0).sum(0)
    assert (changes >= 2).all() and (changes <= 10).all()
    env.close()


@pytest.mark.parametrize(
    ("varied", "message"),
    [
        (
            {"links": {"arm": {"payload_kg": {"range": [0.0, 0.1], "when": "step"}}}},
            r"payload_kg.when: expected one of 'build', 'reset', as payload_at_s says",
        ),
        (
            {"links": {"arm": {"payload_distance_m": {"add": [0.0, 0.1]}}}},
            "payload_distance_m.add: .*what it is by default is not one number",
        ),
        (
            {"joints": {"arm": {"cable_nm_rad": {"scale": [0.5, 2.0]}}}},
            "cable_nm_rad.scale: .*its nominal value is 0 N m/rad, which nothing scales",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    varied: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=message):
        robot(tmp_path, {}, randomization=varied)
