"""A world of given parameters is the model that is built from them anew, number by number."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from mujoco.batch import MODEL_FIELDS

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.parameters.variation import Variation, sample_parameters
from sim import mujoco_model
from sim.mujoco_engine.parameter_fields import model_array
from sim.mujoco_engine.worlds import MujocoWorlds
from tests.support.robots import furuta_toml, write_robot

VARIED: dict[str, Any] = {
    "joints.pendulum.cable_nm_rad": (0.0, 1e-2),
    "joints.arm.cable_rest_rad": (-1.0, 1.0),
    "gravity.tilt_rad": (0.0, 1.0),
    "gravity.direction_rad": (0.0, 6.0),
}


def robot(folder: Path) -> RobotSpec:
    """A furuta with inductance, cables and a leaning base."""
    toml = furuta_toml()
    toml["actuator"][0]["dc_motor"]["inductance_h"] = 1.16e-3
    spec = load_robot(write_robot(folder, toml))
    variations = {path: Variation(*bounds) for path, bounds in VARIED.items()}
    variations["actuators.motor.inductance"] = Variation(0.5, 2.0)
    return replace(
        spec,
        randomization=spec.randomization | variations,
        effects=dict.fromkeys(VARIED, 0.0),
    )


@pytest.mark.parametrize("name", ["furuta", "arm", "all of it"])
def test_worlds_are_freshly_built_models(name: str, tmp_path: Path) -> None:
    spec = robot(tmp_path) if name == "all of it" else load_robot(name)
    rng = np.random.default_rng(0)
    drawn = sample_parameters(spec.randomization, spec.nominal, rng, 3)
    worlds = MujocoWorlds(spec, 3, threads=1)
    worlds.reset(drawn, np.arange(3))
    for world in range(3):
        fresh = mujoco_model(spec, {path: float(v[world]) for path, v in drawn.items()})
        got: mujoco.MjModel = worlds.model_of(world)
        for field in sorted(MODEL_FIELDS):
            if field.startswith(("body_", "dof_", "jnt_", "qpos", "actuator_", "opt.gravity")):
                expected, found = model_array(fresh, field), model_array(got, field)
                np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=field)


def test_each_number_reaches_its_field(tmp_path: Path) -> None:
    spec = robot(tmp_path)
    given = {
        "joints.pendulum.cable_nm_rad": 5e-3,
        "joints.arm.cable_rest_rad": 0.7,
        "gravity.tilt_rad": 0.5,
        "gravity.direction_rad": np.pi / 2,
        "actuators.motor.inductance": 2.0,
        "actuators.motor.resistance": 0.5,
    }
    model, plain = mujoco_model(spec, given), mujoco_model(spec)
    np.testing.assert_array_equal(model.jnt_stiffness, [0.0, 5e-3])
    np.testing.assert_array_equal(model.qpos_spring, [0.7, 0.0])
    expected = 9.81 * np.array([0.0, np.sin(0.5), -np.cos(0.5)])
    np.testing.assert_allclose(model.opt.gravity, expected, atol=1e-12)
    assert model.actuator_dynprm[0, 0] == pytest.approx(4 * plain.actuator_dynprm[0, 0])
    assert plain.actuator_dynprm[0, 0] == pytest.approx(1.16e-3 / 8.4)
