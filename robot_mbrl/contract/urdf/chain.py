"""A kinematic chain of a URDF: where a point of the robot is, which way each joint moves it.

Operators only, so numpy, torch and the ONNX trace share one definition. Only vectors are turned,
never matrices: a rotation by q about the axis a is a a' + sin q [a] + cos q (1 - a a').
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.urdf.elements import UrdfJoint
from robot_mbrl.contract.urdf.tree import Urdf, read_urdf


@dataclass(frozen=True)
class Hinge:
    """A turning joint of a kinematic chain.

    Attributes:
        joint: its column in q.
        origin_m: of its frame, in that of the hinge before, (3,).
        axis: (3,), in its own frame.
        turn: (3, 9): row vectors of its frame to those of the frame before; the parts that do not
            change with the angle, go by its sine, go by its cosine.
        turn_back: (3, 9), the other way.
    """

    joint: int
    origin_m: FloatArray
    axis: FloatArray
    turn: FloatArray
    turn_back: FloatArray


@dataclass(frozen=True)
class Chain:
    """A kinematic chain from the base to a point; build with `to_link`.

    Attributes:
        hinges: from the base outwards, K of them.
        point_m: (3,), in the frame of the last hinge.
    """

    hinges: tuple[Hinge, ...]
    point_m: FloatArray

    @classmethod
    def to_link(cls, urdf: Path, link: str, joints: Sequence[str]) -> "Chain":
        """The chain to the origin of a link; raises SpecError for a link that is not there.

        `joints` are the names in the order of q.
        """
        found = read_urdf(urdf)
        if link not in found.links:
            raise SpecError(f"{urdf}: no link {link!r}; it has: {', '.join(found.links)}")
        hinges, place, rotation = [], np.zeros(3), np.eye(3)
        for joint in _way_to(found, link):
            place, rotation = place + rotation @ joint.origin_m, rotation @ joint.rotation
            if joint.moves:
                column = list(joints).index(joint.name)
                hinges.append(_hinge(column, place, rotation, joint.axis))
                place, rotation = np.zeros(3), np.eye(3)
        return cls(tuple(hinges), place)

    def locate(self, sines: Any, cosines: Any, xp: Any = np) -> Any:
        """The point (..., 3) in m in the base frame at sin q and cos q (..., J)."""
        return self._points(sines, cosines, xp)[0]

    def pull(self, sines: Any, cosines: Any, force: Any, xp: Any = np) -> Any:
        """J' f (..., K): the torque of each hinge that a force (..., 3) at the point makes.

        It is also the slope of the point's way along f by each hinge's angle.
        """
        points = self._points(sines, cosines, xp)[1:]
        torques = []
        for hinge, point in zip(self.hinges, points, strict=True):
            force = _turn(hinge, hinge.turn_back, force, sines, cosines, xp)
            lever = point @ xp.asarray(_cross(hinge.axis).T, dtype=sines.dtype)  # a x p
            torques.append((lever * force).sum(-1))
        return xp.stack(torques, -1)

    def _points(self, sines: Any, cosines: Any, xp: Any) -> list[Any]:
        """The point in the base frame, then in that of each hinge."""
        points = [xp.asarray(self.point_m, dtype=sines.dtype)]
        for hinge in reversed(self.hinges):
            turned = _turn(hinge, hinge.turn, points[-1], sines, cosines, xp)
            points.append(turned + xp.asarray(hinge.origin_m, dtype=sines.dtype))
        return points[::-1]


def _turn(hinge: Hinge, turn: FloatArray, vector: Any, sines: Any, cosines: Any, xp: Any) -> Any:
    parts = vector @ xp.asarray(turn, dtype=sines.dtype)
    s, c = sines[..., hinge.joint, None], cosines[..., hinge.joint, None]
    return parts[..., :3] + s * parts[..., 3:6] + c * parts[..., 6:]


def _hinge(joint: int, place: FloatArray, rotation: FloatArray, axis: FloatArray) -> Hinge:
    along = np.outer(axis, axis)
    parts = [along, _cross(axis), np.eye(3) - along]
    turn = np.concatenate([(rotation @ part).T for part in parts], 1)
    return Hinge(joint, place, axis, turn, np.concatenate([rotation @ p for p in parts], 1))


def _cross(a: FloatArray) -> FloatArray:
    """[a], with [a] b = a x b."""
    return np.array([[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]])


def _way_to(urdf: Urdf, link: str) -> list[UrdfJoint]:
    """Joints from the base to a link."""
    above = {joint.child: joint for joint in urdf.joints}
    way: list[UrdfJoint] = []
    while link in above:
        way.insert(0, above[link])
        link = way[0].parent
    return way
