"""What a payload means to MuJoCo's bodies: mass, centre and inertia of the two as one."""

import mujoco
import numpy as np

from robot_mbrl.contract.arrays import FloatArray

BODY_FIELDS = ("body_mass", "body_ipos", "body_inertia", "body_iquat", "body_sameframe")


def load_bodies(
    fields: dict[str, np.ndarray],
    rows: np.ndarray,
    body: int,
    mass_kg: FloatArray,
    distance_m: FloatArray,
) -> None:
    """Fix point masses (n,) at distances (n,) to a body in rows (n,) of fields of MuJoCo's model.

    `fields` holds BODY_FIELDS, (B, bodies, ...) each. A distance of NaN is twice that of the centre
    of mass: the end of a uniform rod. Whoever writes calls MuJoCo's setConst afterwards.
    """
    mass, centre = fields["body_mass"][rows, body], fields["body_ipos"][rows, body]
    reach = np.linalg.norm(centre, axis=-1)
    distance = np.where(np.isnan(distance_m), 2 * reach, distance_m)
    share = np.divide(distance, reach, out=np.zeros_like(reach), where=reach > 0)
    point = centre * share[:, None]
    total = mass + mass_kg
    moved = (mass[:, None] * centre + mass_kg[:, None] * point) / total[:, None]
    axes = _matrix(fields["body_iquat"][rows, body])
    moments = fields["body_inertia"][rows, body]
    inertia = (axes * moments[:, None, :]) @ np.swapaxes(axes, 1, 2)
    inertia += mass[:, None, None] * _spread(centre - moved)
    inertia += mass_kg[:, None, None] * _spread(point - moved)
    moments, axes = np.linalg.eigh(inertia)
    axes[:, :, 0] *= np.linalg.det(axes)[:, None]  # right-handed
    fields["body_mass"][rows, body], fields["body_ipos"][rows, body] = total, moved
    fields["body_inertia"][rows, body] = moments
    fields["body_iquat"][rows, body] = _quaternion(axes)
    fields["body_sameframe"][rows, body] = 0  # the compiler's short cut for aligned frames


def add_payload(model: mujoco.MjModel, body: int, mass_kg: float, distance_m: float) -> None:
    """Fix a point mass to a body of a model, in place; see `load_bodies`."""
    fields = {name: getattr(model, name)[None] for name in BODY_FIELDS}  # views
    load_bodies(fields, np.array([0]), body, np.array([mass_kg]), np.array([distance_m]))
    mujoco.mj_setConst(model, mujoco.MjData(model))


def _spread(offset: FloatArray) -> FloatArray:
    """Inertia (n, 3, 3) of unit point masses at offsets (n, 3) (Steiner)."""
    square = (offset**2).sum(-1)[:, None, None] * np.eye(3)
    inertia: FloatArray = square - offset[:, :, None] * offset[:, None, :]
    return inertia


def _matrix(quaternion: FloatArray) -> FloatArray:
    """Rotations (n, 3, 3) of unit quaternions (n, 4)."""
    w, x, y, z = quaternion.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _quaternion(matrix: FloatArray) -> FloatArray:
    """Unit quaternions (n, 4) of rotations (n, 3, 3): the best conditioned of four formulas."""
    m = np.moveaxis(matrix, 0, -1)
    t = np.array([m[0, 0] + m[1, 1] + m[2, 2], m[0, 0], m[1, 1], m[2, 2]])
    skew = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    both = np.array([m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1]])
    candidates = np.array(
        [
            [1 + t[0], skew[0], skew[1], skew[2]],
            [skew[0], 1 + 2 * t[1] - t[0], both[0], both[1]],
            [skew[1], both[0], 1 + 2 * t[2] - t[0], both[2]],
            [skew[2], both[1], both[2], 1 + 2 * t[3] - t[0]],
        ]
    )
    best = candidates[t.argmax(0), :, np.arange(t.shape[1])]
    unit: FloatArray = best / np.linalg.norm(best, axis=-1, keepdims=True)
    return unit
