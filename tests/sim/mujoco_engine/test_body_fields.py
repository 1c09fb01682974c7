"""A body with a payload against its parts one by one."""

import mujoco
import numpy as np

from robot_mbrl.contract import load_robot
from sim import mujoco_model
from sim.mujoco_engine.body_fields import add_payload


def test_a_payload_off_the_axes_turns_them() -> None:
    """Composite inertia of a body with turned axes, against its parts one by one (Steiner)."""
    spec = load_robot("arm")
    model = mujoco_model(spec)
    body = model.body("forearm").id
    mass, centre = model.body_mass[body], model.body_ipos[body].copy()
    before = about_origin(model, body)
    add_payload(model, body, 0.2, 0.15)
    point = 0.15 * centre / np.linalg.norm(centre)
    square = float(point @ point) * np.eye(3) - np.outer(point, point)
    np.testing.assert_allclose(about_origin(model, body), before + 0.2 * square, atol=1e-12)
    total = (mass * centre + 0.2 * point) / (mass + 0.2)
    np.testing.assert_allclose(model.body_ipos[body], total, atol=1e-12)


def about_origin(model: mujoco.MjModel, body: int) -> np.ndarray:
    """Inertia (3, 3) of a body about its frame's origin."""
    flat = np.zeros(9)
    mujoco.mju_quat2Mat(flat, model.body_iquat[body])
    axes, centre = flat.reshape(3, 3), model.body_ipos[body]
    inertia = axes @ np.diag(model.body_inertia[body]) @ axes.T
    return inertia + model.body_mass[body] * (
        float(centre @ centre) * np.eye(3) - np.outer(centre, centre)
    )
