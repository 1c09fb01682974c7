"""A kinematic chain of a URDF: where a point of the robot is, which way each joint moves it.

Operators only, so numpy, torch and the ONNX trace share one definition. Only vectors are turned,
never matrices: a rotation by q about the axis a is a a' + sin q [a] + cos q (1 - a a').

Of a sliding joint, its position q in m stands where a hinge has sin q; its cosine is not looked at.
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
class ChainJoint:
    """A moving joint of a kinematic chain.

    Attributes:
        joint: its column in q.
        origin_m: of its frame, in that of the joint before, (3,).
        axis: (3,), in its own frame.
        turn: (3, 9): row vectors of its frame to those of the frame before; the parts that do not
            change with the angle, go by its sine, go by its cosine.
        turn_back: (3, 9), the other way.
        slides: whether it moves along its axis; its frame is then not turned.
        travel: (3,), the way of its frame in that of the joint before, m per m; 0 of a hinge.
    """

    joint: int
    origin_m: FloatArray
    axis: FloatArray
    turn: FloatArray
    turn_back: FloatArray
    slides: bool
    travel: FloatArray


@dataclass(frozen=True)
class Chain:
    """A kinematic chain from the base to a point; build with `to_link`.

    Attributes:
        joints: from the base outwards, K of them.
        point_m: (3,), in the frame of the last joint.
    """

    joints: tuple[ChainJoint, ...]
    point_m: FloatArray

    @classmethod
    def to_link(cls, urdf: Path, link: str, joints: Sequence[str]) -> "Chain":
        """The chain to the origin of a link; raises SpecError for a link that is not there.

        `joints` are the names in the order of q.
        """
        found = read_urdf(urdf)
        if link not in found.links:
            raise SpecError(f"{urdf}: no link {link!r}; it has: {', '.join(found.links)}")
        chained, place, rotation = [], np.zeros(3), np.eye(3)
        for joint in _way_to(found, link):
            place, rotation = place + rotation @ joint.origin_m, rotation @ joint.rotation
            if joint.moves:
                column = list(joints).index(joint.name)
                chained.append(_chained(column, place, rotation, joint))
                place, rotation = np.zeros(3), np.eye(3)
        return cls(tuple(chained), place)

    @property
    def slides(self) -> frozenset[int]:
        """Columns in q of the joints that slide."""
        return frozenset(joint.joint for joint in self.joints if joint.slides)

    def locate(self, sines: Any, cosines: Any, xp: Any = np) -> Any:
        """The point (..., 3) in m in the base frame at sin q and cos q (..., J)."""
        return self._points(sines, cosines, xp)[0]

    def pull(self, sines: Any, cosines: Any, force: Any, xp: Any = np) -> Any:
        """J' f (..., K): the torque (or force) of each joint by a force (..., 3) at the point.

        It is also the slope of the point's way along f by each joint's position.
        """
        points = self._points(sines, cosines, xp)[1:]
        torques = []
        for joint, point in zip(self.joints, points, strict=True):
            force = _turn(joint, joint.turn_back, force, sines, cosines, xp)
            if joint.slides:
                way = xp.asarray(joint.axis, dtype=sines.dtype)
            else:
                way = point @ xp.asarray(_cross(joint.axis).T, dtype=sines.dtype)  # a x p
            torques.append((way * force).sum(-1))
        return xp.stack(torques, -1)

    def _points(self, sines: Any, cosines: Any, xp: Any) -> list[Any]:
        """The point in the base frame, then in that of each joint."""
        points = [xp.asarray(self.point_m, dtype=sines.dtype)]
        for joint in reversed(self.joints):
            turned = _turn(joint, joint.turn, points[-1], sines, cosines, xp)
            if joint.slides:
                travel = xp.asarray(joint.travel, dtype=sines.dtype)
                turned = turned + sines[..., joint.joint, None] * travel
            points.append(turned + xp.asarray(joint.origin_m, dtype=sines.dtype))
        return points[::-1]


def _turn(
    joint: ChainJoint, turn: FloatArray, vector: Any, sines: Any, cosines: Any, xp: Any
) -> Any:
    parts = vector @ xp.asarray(turn, dtype=sines.dtype)
    if joint.slides:
        return parts[..., :3]
    s, c = sines[..., joint.joint, None], cosines[..., joint.joint, None]
    return parts[..., :3] + s * parts[..., 3:6] + c * parts[..., 6:]


def _chained(column: int, place: FloatArray, rotation: FloatArray, joint: UrdfJoint) -> ChainJoint:
    axis, none = joint.axis, np.zeros((3, 3))
    along = np.outer(axis, axis)
    hinge = [along, _cross(axis), np.eye(3) - along]
    parts = [np.eye(3), none, none] if joint.slides else hinge
    return ChainJoint(
        joint=column,
        origin_m=place,
        axis=axis,
        turn=np.concatenate([(rotation @ part).T for part in parts], 1),
        turn_back=np.concatenate([rotation @ part for part in parts], 1),
        slides=joint.slides,
        travel=rotation @ axis if joint.slides else np.zeros(3),
    )


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
