"""A URDF as far as physics needs it: links with their inertia, joints with axis, limits and
friction.

Everything that would make a simulator refuse the file, or silently build another machine, is
refused here, naming file, element and remedy: so it is found where no simulator is installed, too.
Geometry is not read: nothing collides here, only pictures need it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.urdf.elements import UrdfJoint, UrdfLink, UrdfReader, unsupported_joints

TRIANGLE_TOLERANCE = 1e-6  # relative; files round their numbers
GUESS = "`robot-mbrl new-robot --guess-inertia` puts a rough one there"


@dataclass(frozen=True)
class Urdf:
    """A valid robot: one tree, every moving body with a possible inertia."""

    path: Path
    root: str
    links: dict[str, UrdfLink]
    joints: tuple[UrdfJoint, ...]

    @property
    def moving(self) -> tuple[UrdfJoint, ...]:
        """The degrees of freedom, in the order of the file."""
        return tuple(j for j in self.joints if j.moves)

    def rigid_group(self, link: str) -> Iterator[tuple[UrdfLink, FloatArray, FloatArray]]:
        """The link and what is fixed to it: each with its place (3,) and rotation (3, 3) in it."""
        yield self.links[link], np.zeros(3), np.eye(3)
        for joint in self.joints:
            if joint.parent == link and not joint.moves:
                for part, place, turn in self.rigid_group(joint.child):
                    yield part, joint.origin_m + joint.rotation @ place, joint.rotation @ turn


def parse_xml(path: Path) -> ET.Element:
    """The XML of a URDF; raises SpecError for a missing or broken file."""
    try:
        root = ET.parse(path).getroot()
    except FileNotFoundError as error:
        raise SpecError(
            f"{path}: no such URDF; [robot] urdf is relative to the robot folder"
        ) from error
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from error
    except ET.ParseError as error:
        raise SpecError(f"{path}: not valid XML: {error}") from error
    if root.tag != "robot":
        raise SpecError(
            f"{path}: expected a URDF, whose root element is <robot>; got <{root.tag}>"
            + ("; convert MJCF or SDF to URDF first" if root.tag in ("mujoco", "sdf") else "")
        )
    return root


def read_urdf(path: Path) -> Urdf:
    """Read and check a URDF; raises SpecError naming file, element and remedy."""
    return check_urdf(parse_xml(path), path)


def check_urdf(root: ET.Element, path: Path) -> Urdf:
    """Check the XML of a URDF; `path` is what errors name."""
    reader = UrdfReader(path, unsupported_joints(root))
    links = {link.name: link for link in map(reader.link, reader.distinct(root, "link"))}
    if not links:
        raise SpecError(f"{path}: no <link>; a robot has at least one")
    joints = tuple(reader.joint(e, links) for e in reader.distinct(root, "joint"))
    urdf = Urdf(path, _root_of_tree(path, links, joints), links, joints)
    for joint in urdf.moving:
        _check_inertia(urdf, joint)
    return urdf


def composite_inertia(urdf: Urdf, link: str) -> tuple[float, FloatArray, FloatArray]:
    """Mass, centre of mass (3,) and inertia (3, 3) about it of a link and all that is fixed to it,
    in the link's frame."""
    parts = [
        (p.mass_kg, place + turn @ p.centre_m, turn @ p.inertia_kg_m2 @ turn.T)
        for p, place, turn in urdf.rigid_group(link)
        if p.mass_kg > 0  # frames are often given a moment of inertia, but no mass: no body
    ]
    mass = sum(m for m, _, _ in parts)
    if mass == 0:
        return 0.0, np.zeros(3), np.zeros((3, 3))
    centre: FloatArray = sum((m * c for m, c, _ in parts), np.zeros(3)) / mass
    total = np.zeros((3, 3))
    for m, c, inertia in parts:
        off = c - centre
        total += inertia + m * (float(off @ off) * np.eye(3) - np.outer(off, off))
    return mass, centre, total


def possible_inertia(inertia: FloatArray) -> bool:
    """Whether a symmetric (3, 3) can be the inertia of a body: positive, A + B >= C."""
    a, b, c = np.linalg.eigvalsh(inertia)
    return bool(a > 1e-15 and a + b >= c * (1 - TRIANGLE_TOLERANCE))


def _check_inertia(urdf: Urdf, joint: UrdfJoint) -> None:
    parts = [part.name for part, _, _ in urdf.rigid_group(joint.child)]
    where = f"{urdf.path}: link {joint.child!r}"
    if len(parts) > 1:
        where += f" with {', '.join(map(repr, parts[1:]))} fixed to it"
    mass, _, inertia = composite_inertia(urdf, joint.child)
    if mass <= 0:
        raise SpecError(
            f"{where}: no mass, but joint {joint.name!r} moves it; give it an <inertial> with mass "
            "and inertia (weigh it; CAD programs compute the tensor), or make the joint fixed"
        )
    if not possible_inertia(inertia):
        moments = ", ".join(f"{m:.3g}" for m in np.linalg.eigvalsh(inertia))
        raise SpecError(
            f"{where}: <inertia> has the principal moments {moments} kg m2, which no body has: "
            f"all must be positive and the two smaller ones add up to the largest; correct it, or "
            f"{GUESS}"
        )


def _root_of_tree(path: Path, links: dict[str, UrdfLink], joints: tuple[UrdfJoint, ...]) -> str:
    """The link without a parent, after checking that all others hang on it, once each."""
    above: dict[str, UrdfJoint] = {}
    for joint in joints:
        if joint.child in above:
            raise SpecError(
                f"{path}: joint {joint.name!r}: link {joint.child!r} already hangs on joint "
                f"{above[joint.child].name!r}; a URDF is a tree: remove one of the two, closed "
                "loops are not simulated"
            )
        above[joint.child] = joint
    roots = [name for name in links if name not in above]
    for name in links:
        seen = [name]
        while seen[-1] in above:
            up = above[seen[-1]].parent
            if up in seen:
                loop = " -> ".join([*seen[seen.index(up) :], up])
                raise SpecError(
                    f"{path}: joint {above[seen[-1]].name!r} closes the loop {loop}; a URDF is a "
                    "tree: remove one joint of it"
                )
            seen.append(up)
    if len(roots) != 1:
        raise SpecError(
            f"{path}: links {', '.join(map(repr, roots))} have no parent; a robot has one root: "
            "join the others to it by a fixed joint"
        )
    return roots[0]
