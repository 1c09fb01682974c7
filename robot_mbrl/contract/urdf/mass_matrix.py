"""Mass matrix and weight of a URDF's tree, in numpy: what motors have to accelerate and to hold.

Sums over bodies of their Jacobians, in many poses at once; no engine is needed on a robot.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.urdf.elements import UrdfJoint
from robot_mbrl.contract.urdf.tree import Urdf

GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class Body:
    """A link with mass in P poses.

    Attributes:
        mass_kg: of the link.
        inertia_kg_m2: about its centre of mass, in the base frame, (P, 3, 3).
        travel: of its centre of mass by each joint, m/rad, (P, 3, J).
        turn: by each joint, rad/rad, (P, 3, J).
    """

    mass_kg: float
    inertia_kg_m2: FloatArray
    travel: FloatArray
    turn: FloatArray


@dataclass(frozen=True)
class _Frame:
    """A link's place (P, 3) and rotation (P, 3, 3), and the joints above it: (column, axis (P, 3),
    point (P, 3), whether it slides)."""

    place: FloatArray
    rotation: FloatArray
    above: tuple[tuple[int, FloatArray, FloatArray, bool], ...] = ()


def mass_matrix(urdf: Urdf, q: FloatArray) -> FloatArray:
    """Mass matrices (P, J, J) in kg m2 at poses q (P, J), in the order of `urdf.moving`;
    without rotors."""
    total = np.zeros((*q.shape, q.shape[-1]))
    for body in bodies(urdf, q):
        total += body.mass_kg * body.travel.swapaxes(1, 2) @ body.travel
        total += body.turn.swapaxes(1, 2) @ body.inertia_kg_m2 @ body.turn
    return total


def weight_torque(urdf: Urdf, q: FloatArray) -> FloatArray:
    """Torque (P, J) in N m that holds poses q (P, J) rad against gravity, along -z of the base."""
    total = np.zeros(q.shape)
    for body in bodies(urdf, q):
        total += body.mass_kg * GRAVITY_M_S2 * body.travel[:, 2]
    return total


def bodies(urdf: Urdf, q: FloatArray) -> Iterator[Body]:
    """Every link with mass, at poses q (P, J) rad."""
    poses, joints = q.shape
    start = _Frame(np.zeros((poses, 3)), np.broadcast_to(np.eye(3), (poses, 3, 3)))
    for name, frame in _frames(urdf, urdf.root, start, q):
        link = urdf.links[name]
        if link.mass_kg <= 0:
            continue
        centre = frame.place + frame.rotation @ link.centre_m
        travel, turn = np.zeros((2, poses, 3, joints))
        for column, axis, point, slides in frame.above:
            travel[:, :, column] = axis if slides else np.cross(axis, centre - point)
            turn[:, :, column] = 0.0 if slides else axis
        inertia = frame.rotation @ link.inertia_kg_m2 @ frame.rotation.swapaxes(1, 2)
        yield Body(link.mass_kg, inertia, travel, turn)


def _frames(urdf: Urdf, link: str, frame: _Frame, q: FloatArray) -> Iterator[tuple[str, _Frame]]:
    yield link, frame
    for joint in urdf.joints:
        if joint.parent == link:
            yield from _frames(urdf, joint.child, _behind(urdf, joint, frame, q), q)


def _behind(urdf: Urdf, joint: UrdfJoint, frame: _Frame, q: FloatArray) -> _Frame:
    """The frame of a joint's child."""
    place = frame.place + frame.rotation @ joint.origin_m
    rotation = frame.rotation @ joint.rotation
    if not joint.moves:
        return _Frame(place, rotation, frame.above)
    column = [j.name for j in urdf.moving].index(joint.name)
    axis, slides = rotation @ joint.axis, joint.slides
    above = (*frame.above, (column, axis, place, slides))
    if slides:
        return _Frame(place + q[:, column, None] * axis, rotation, above)
    return _Frame(place, rotation @ _turned(joint.axis, q[:, column]), above)


def _turned(axis: FloatArray, angle: FloatArray) -> FloatArray:
    """Rotations (P, 3, 3) by angles (P,) rad about an axis (3,) of unit length."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    turned: FloatArray = np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)
    return turned
