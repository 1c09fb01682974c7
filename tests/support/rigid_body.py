"""A robot's mass matrix, gravity and places straight from the contract's URDF tree, in numpy.

By Jacobians, body after body: no code in common with any engine.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.urdf.elements import UrdfJoint
from robot_mbrl.contract.urdf.tree import composite_inertia, read_urdf

GRAVITY = np.array([0.0, 0.0, -9.81])


class RigidBody:
    """The moving links of a URDF; `joints` are the names in the order of q, J of them."""

    def __init__(self, urdf: Path, joints: Sequence[str]) -> None:
        self.urdf, self.joints = read_urdf(urdf), list(joints)

    def places(self, q: FloatArray) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Origin (3,) and rotation (3, 3) of every link in the frame of the root, at q (J,)."""
        found = {self.urdf.root: (np.zeros(3), np.eye(3))}
        waiting = list(self.urdf.joints)
        while waiting:
            joint = next(j for j in waiting if j.parent in found)
            waiting.remove(joint)
            place, turn = found[joint.parent]
            place, turn = place + turn @ joint.origin_m, turn @ joint.rotation
            if joint.slides:
                place = place + turn @ joint.axis * q[self.joints.index(joint.name)]
            elif joint.moves:
                turn = turn @ _rotation(joint.axis, q[self.joints.index(joint.name)])
            found[joint.child] = place, turn
        return found

    def mass_and_gravity(self, q: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mass matrix (J, J) and the torques (J,) that hold the robot against its weight."""
        places, count = self.places(q), len(self.joints)
        mass, gravity = np.zeros((count, count)), np.zeros(count)
        for body in (j.child for j in self.urdf.moving):
            kg, centre, inertia = composite_inertia(self.urdf, body)
            origin, turn = places[body]
            linear, angular = self._jacobians(body, origin + turn @ centre, places)
            mass += kg * linear.T @ linear + angular.T @ turn @ inertia @ turn.T @ angular
            gravity -= kg * linear.T @ GRAVITY
        return mass, gravity

    def _jacobians(
        self, body: str, point: FloatArray, places: dict[str, tuple[FloatArray, FloatArray]]
    ) -> tuple[FloatArray, FloatArray]:
        """Of a point of a body: velocity (3, J) and angular velocity (3, J) by each joint's."""
        linear, angular = np.zeros((2, 3, len(self.joints)))
        for joint in self._above(body):
            if not joint.moves:
                continue
            k, (origin, turn) = self.joints.index(joint.name), places[joint.child]
            axis = turn @ joint.axis
            linear[:, k] = axis if joint.slides else np.cross(axis, point - origin)
            angular[:, k] = 0.0 if joint.slides else axis
        return linear, angular

    def _above(self, body: str) -> list[UrdfJoint]:
        above = {joint.child: joint for joint in self.urdf.joints}
        way = []
        while body in above:
            way.append(above[body])
            body = above[body].parent
        return way


def _rotation(axis: FloatArray, angle: float) -> FloatArray:
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation: FloatArray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation
