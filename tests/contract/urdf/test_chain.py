"""Where the tip is, against MuJoCo; which way joints move it, against differences."""

import mujoco
import numpy as np
import pytest
import torch

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.urdf.chain import Chain
from sim import mujoco_model


@pytest.fixture(scope="module")
def arm() -> RobotSpec:
    return load_robot("arm")


def chain_of(spec: RobotSpec, link: str) -> Chain:
    return Chain.to_link(spec.urdf, link, [j.name for j in spec.joints])


def poses(spec: RobotSpec, count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-3, 3, (count, len(spec.joints)))


@pytest.mark.parametrize(("robot", "link"), [("arm", "gripper"), ("arm", "hand"), ("furuta", "")])
def test_a_links_place_is_that_of_mujoco(robot: str, link: str) -> None:
    """With roll, pitch and yaw in the URDF, and any joint order."""
    spec = load_robot(robot)
    link = link or spec.links[-1]
    model = mujoco_model(spec)
    data, chain = mujoco.MjData(model), chain_of(spec, link)
    at = [model.joint(j.name).qposadr[0] for j in spec.joints]
    for q in poses(spec, 20):
        data.qpos[at] = q
        mujoco.mj_kinematics(model, data)
        found = chain.locate(np.sin(q), np.cos(q))
        np.testing.assert_allclose(found, data.body(link).xpos, atol=1e-12)


def test_the_tip_is_a_fixed_link_beyond_the_last_body(arm: RobotSpec) -> None:
    """8.5 cm along the gripper, as a site of MuJoCo would have it; upright at 0.485 m."""
    model = mujoco_model(arm)
    data, chain = mujoco.MjData(model), chain_of(arm, "tip")
    for q in poses(arm, 20):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        body = data.body("gripper")
        expected = body.xpos + body.xmat.reshape(3, 3) @ [0, 0, 0.085]
        np.testing.assert_allclose(chain.locate(np.sin(q), np.cos(q)), expected, atol=1e-12)
    upright = chain.locate(np.zeros(5), np.ones(5))
    np.testing.assert_allclose(upright, [0, 0, 0.485], atol=1e-12)


def test_pull_is_the_slope_of_the_way_along_the_force(arm: RobotSpec) -> None:
    chain, q, h = chain_of(arm, "tip"), poses(arm, 6), 1e-6
    force = np.random.default_rng(1).standard_normal((6, 3))
    pull = chain.pull(np.sin(q), np.cos(q), force)
    for joint in range(5):
        ahead, behind = q.copy(), q.copy()
        ahead[:, joint] += h
        behind[:, joint] -= h
        moved = chain.locate(np.sin(ahead), np.cos(ahead)) - chain.locate(
            np.sin(behind), np.cos(behind)
        )
        np.testing.assert_allclose(pull[:, joint], (moved * force).sum(-1) / (2 * h), atol=1e-8)


def test_torch_agrees_on_any_leading_shape(arm: RobotSpec) -> None:
    chain, q = chain_of(arm, "tip"), poses(arm, 6).reshape(2, 3, 5)
    force = np.random.default_rng(1).standard_normal((2, 3, 3))
    sines, cosines, f = (torch.as_tensor(x) for x in (np.sin(q), np.cos(q), force))
    there = chain.locate(np.sin(q), np.cos(q))
    np.testing.assert_allclose(chain.locate(sines, cosines, torch).numpy(), there, atol=1e-12)
    pull = chain.pull(np.sin(q), np.cos(q), force)
    np.testing.assert_allclose(chain.pull(sines, cosines, f, torch).numpy(), pull, atol=1e-12)


def test_an_unknown_link_is_named(arm: RobotSpec) -> None:
    with pytest.raises(SpecError, match=r"no link 'hook'; it has: base, turret, .*tip"):
        chain_of(arm, "hook")
