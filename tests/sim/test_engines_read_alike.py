"""Both engines build what the URDF says: mass matrix, weight and places, against plain numpy."""

import mujoco
import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.read_robot import BUILT_IN
from sim.adopt.new_robot import new_robot
from sim.bullet_engine.worlds import BulletWorlds
from sim.laws.motor_law import armature_kg_m2
from sim.mujoco_engine.model import mujoco_model
from tests.support.rigid_body import RigidBody

SHIPPED = sorted(path.parent.name for path in BUILT_IN.glob("*/robot.toml"))
BOX = """<inertial><origin xyz="0.01 0.02 -0.1" rpy="0.3 0 0.2"/><mass value="{kg}"/>
<inertia ixx="7e-4" ixy="0" ixz="1e-5" iyy="6e-4" iyz="0" izz="2e-4"/></inertial>"""
GHOST = """<inertial><origin xyz="0 0 0.3"/><mass value="0"/>
<inertia ixx="1e-3" ixy="0" ixz="0" iyy="1e-3" iyz="0" izz="1e-3"/></inertial>"""
FRAME = """<link name="{name}">{inertial}</link>
<joint name="{name} joint" type="fixed"><parent link="{parent}"/><child link="{name}"/>
<origin xyz="0 0.1 -0.2" rpy="0.4 0 0"/></joint>"""


def machine(*frames: str, elbow: str = "revolute") -> str:
    """Two links, the second turned or slid against the first, and frames fixed to them."""
    return f"""<robot name="machine"><link name="base">{GHOST}</link>
    <link name="upper">{BOX.format(kg=0.2)}</link><link name="fore">{BOX.format(kg=0.1)}</link>
    <joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/>
    <origin xyz="0 0 0.5" rpy="0.1 0.2 0.3"/><axis xyz="0 1 0.2"/>
    <limit lower="-1.5" upper="1.5" effort="3" velocity="6"/></joint>
    <joint name="elbow" type="{elbow}"><parent link="upper"/><child link="fore"/>
    <origin xyz="0 0.05 -0.2" rpy="0 0.5 0"/><axis xyz="1 0.3 0"/>
    <limit lower="-0.5" upper="0.5" effort="3" velocity="2"/></joint>{"".join(frames)}</robot>"""


CASES = {
    "massless tool": machine(FRAME.format(name="tool", inertial=GHOST, parent="fore")),
    "massless frame in between": machine(
        FRAME.format(name="mount", inertial=GHOST, parent="fore"),
        FRAME.format(name="camera", inertial=BOX.format(kg=0.05), parent="mount"),
    ),
    "massless link that carries a body": machine(
        FRAME.format(name="tool", inertial=BOX.format(kg=0.1), parent="fore")
    ).replace(f'"fore">{BOX.format(kg=0.1)}', f'"fore">{GHOST}'),
    "a tool without inertial": machine(FRAME.format(name="tool", inertial="", parent="upper")),
    "a tool that weighs": machine(
        FRAME.format(name="tool", inertial=BOX.format(kg=0.07), parent="fore")
    ),
    "slider": machine(elbow="prismatic"),
    "slider with a massless tool": machine(
        FRAME.format(name="tool", inertial=GHOST, parent="fore"), elbow="prismatic"
    ),
}


@pytest.fixture(params=[*SHIPPED, *CASES])
def spec(request: pytest.FixtureRequest) -> RobotSpec:
    if request.param in SHIPPED:
        return load_robot(request.param)
    folder = request.getfixturevalue("tmp_path")
    urdf = folder / "machine.urdf"
    urdf.write_text(CASES[request.param], encoding="utf-8")
    return new_robot(urdf, folder / "robot").spec


def poses(spec: RobotSpec) -> FloatArray:
    low, high = np.clip([j.position_limit_rad for j in spec.joints], -3, 3).T
    return np.random.default_rng(3).uniform(low, high, (8, len(low)))


def test_mass_and_weight_are_those_of_the_description(spec: RobotSpec) -> None:
    """A link that weighs nothing has no inertia either, whatever its <inertia> says."""
    body = RigidBody(spec.urdf, [j.name for j in spec.joints])
    model = mujoco_model(spec)
    data, full = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    joints = [model.joint(j.name) for j in spec.joints]
    qpos, dof = [j.qposadr[0] for j in joints], [j.dofadr[0] for j in joints]
    bullet, still = BulletWorlds(spec, 1, processes=1), np.zeros((1, len(joints)))
    rotors = np.diag(armature_kg_m2(spec))
    for q in poses(spec):
        mass, weight = body.mass_and_gravity(q)
        size = np.abs(mass).max()
        data.qpos[qpos], data.qvel[:] = q, 0.0
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, full)
        np.testing.assert_allclose(full[np.ix_(dof, dof)], mass + rotors, atol=1e-9 * size)
        np.testing.assert_allclose(data.qfrc_bias[dof], weight, atol=1e-9)
        bullet.set_true_state(q[None], still, np.array([0]))
        np.testing.assert_allclose(bullet.mass_matrix(0), mass + rotors, atol=1e-6 * size)
        np.testing.assert_allclose(bullet.bias(0), weight, atol=1e-5)
    bullet.close()


def test_links_are_where_the_description_puts_them(spec: RobotSpec) -> None:
    body = RigidBody(spec.urdf, [j.name for j in spec.joints])
    model = mujoco_model(spec)
    data = mujoco.MjData(model)
    qpos = [model.joint(j.name).qposadr[0] for j in spec.joints]
    bullet = BulletWorlds(spec, 1, processes=1)
    for q in poses(spec):
        places = body.places(q)
        data.qpos[qpos] = q
        mujoco.mj_kinematics(model, data)
        bullet.set_true_state(q[None], np.zeros((1, len(q))), np.array([0]))
        found = bullet.describe(0)["links"]
        for link in spec.links:
            np.testing.assert_allclose(data.body(link).xpos, places[link][0], atol=1e-9)
            np.testing.assert_allclose(found[link]["place_m"], places[link][0], atol=1e-6)
    bullet.close()
