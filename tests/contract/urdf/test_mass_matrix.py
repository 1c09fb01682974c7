"""Mass matrix and weight against MuJoCo's, which knows nothing of ours."""

import mujoco
import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.urdf.mass_matrix import mass_matrix, weight_torque
from robot_mbrl.contract.urdf.tree import read_urdf
from sim import mujoco_model


@pytest.mark.parametrize("robot", ["furuta", "simple_pendulum", "arm"])
def test_agrees_with_mujoco(robot: str) -> None:
    spec = load_robot(robot)
    urdf, model = read_urdf(spec.urdf), mujoco_model(spec)
    data = mujoco.MjData(model)
    joints = [model.joint(j.name) for j in urdf.moving]
    qpos, dof = (np.array([k[0] for k in kind]) for kind in zip(
        *((j.qposadr, j.dofadr) for j in joints), strict=True
    ))  # fmt: skip
    poses = np.random.default_rng(0).uniform(-3, 3, (20, len(joints)))
    ours, weight = mass_matrix(urdf, poses), weight_torque(urdf, poses)
    for k, pose in enumerate(poses):
        data.qpos[qpos] = pose
        mujoco.mj_forward(model, data)
        full = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, full)
        bodies = full[np.ix_(dof, dof)] - np.diag(model.dof_armature[dof])
        np.testing.assert_allclose(ours[k], bodies, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(weight[k], data.qfrc_bias[dof], rtol=1e-9, atol=1e-12)
