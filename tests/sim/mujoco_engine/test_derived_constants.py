"""A randomized world is the model that a robot folder with its numbers compiles to."""

import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.parameters.variation import sample_parameters
from sim import mujoco_model
from sim.bullet_engine.urdf import UrdfWriter
from sim.mujoco_engine.worlds import MujocoWorlds
from tests.support.robots import write_robot

B = 3
MOTOR_KEYS = {
    "resistance": "resistance_ohm",
    "torque_constant": "torque_constant_nm_a",
    "stiffness": "stiffness_nm_rad",
    "damping": "damping_nm_s_rad",
    "torque_limit": "torque_limit_nm",
}


def rewritten(spec: RobotSpec, values: dict[str, float], folder: Path) -> RobotSpec:
    """A robot folder whose URDF and robot.toml say the numbers of one world."""
    root, nominal = ET.fromstring(UrdfWriter(spec).write(values)), ET.parse(spec.urdf).getroot()
    for joint in root.findall("joint"):
        path = f"joints.{joint.get('name')}."
        if path + "damping" in values:
            [dynamics] = nominal.findall(f"joint[@name='{joint.get('name')}']/dynamics")
            said = {
                k: float(dynamics.get(k, "0")) * values[path + k] for k in ("damping", "friction")
            }
            ET.SubElement(joint, "dynamics", {k: repr(v) for k, v in said.items()})
    toml = tomllib.loads((spec.folder / "robot.toml").read_text())
    toml["randomization"] = {}
    for actuator in toml["actuator"]:
        [motor] = [actuator[k] for k in ("dc_motor", "direct", "servo") if k in actuator]
        for key, said in MOTOR_KEYS.items():
            if said in motor:
                motor[said] *= values.get(f"actuators.{actuator['name']}.{key}", 1.0)
    text = ET.tostring(root, encoding="unicode")
    return load_robot(write_robot(folder, toml, text))


def numbers(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    """Every array of floating-point numbers in a model. `stat` is none of them: what it averages
    over the model steers the solver's tolerance only, and MuJoCo's batch has one of it."""
    found = {name: getattr(model, name) for name in dir(model) if not name.startswith("_")}
    return {n: v for n, v in found.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}


@pytest.mark.parametrize("way", ["reset", "change", "renew"])
@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "arm"])
def test_every_derived_constant_follows(name: str, way: str, tmp_path: Path) -> None:
    spec = load_robot(name)
    drawn = sample_parameters(spec.randomization, spec.nominal, np.random.default_rng(0), B)
    if name == "simple_pendulum":  # a drive that lies about its torque has no key in robot.toml
        drawn["actuators.motor.torque_constant"][:] = 1.0
    worlds, ids = MujocoWorlds(spec, B, threads=1), np.arange(B)
    if way == "reset":
        worlds.reset(drawn, ids)
    elif way == "change":
        worlds.change(drawn, ids, tuple(drawn))
    else:
        worlds.prepare(drawn)
        worlds.renew(slice(0, B), ids)
    differing = set()
    for world in range(B):
        values = {path: float(column[world]) for path, column in drawn.items()}
        fresh = numbers(mujoco_model(rewritten(spec, values, tmp_path / str(world))))
        nominal, got = numbers(worlds.model), numbers(worlds.model_of(world))
        for field, expected in fresh.items():
            np.testing.assert_allclose(got[field], expected, rtol=1e-9, atol=1e-15, err_msg=field)
        differing |= {f for f in fresh if not np.array_equal(fresh[f], nominal[f])}
    derived = {"body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0", "actuator_acc0"}
    assert differing >= derived | {"body_mass", "body_inertia", "body_ipos", "dof_damping"}
