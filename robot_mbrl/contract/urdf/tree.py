"""A URDF as far as physics needs it: links with their inertia, joints with axis, limits and
friction.

Everything that would make a simulator refuse the file, or silently build another machine, is
refused here, naming file, elements and remedy, all in one message: so it is found where no
simulator is installed, too.
Geometry is not read: nothing collides here, only pictures need it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.read_file import read_bytes
from robot_mbrl.contract.urdf.dialects import declare_world, refuse_xacro
from robot_mbrl.contract.urdf.elements import UrdfJoint, UrdfLink, UrdfReader
from robot_mbrl.contract.urdf.problems import Problems

TRIANGLE_TOLERANCE = 1e-9  # relative, for rounding; MuJoCo allows none


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
    root = parse_any_xml(path)
    refuse_xacro(root, path)
    declare_world(root)
    return root


def parse_any_xml(path: Path) -> ET.Element:
    """The XML of a robot, whatever dialect it is in; raises SpecError."""
    if not path.exists():
        raise SpecError(f"{path}: no such URDF; [robot] urdf is relative to the robot folder")
    data = read_bytes(path, SpecError)
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise SpecError(f"{path}: not valid XML: {error}{_hint(str(error))}") from error
    if root.tag != "robot":
        raise SpecError(
            f"{path}: expected a URDF, whose root element is <robot>; got <{root.tag}>"
            + ("; convert MJCF or SDF to URDF first" if root.tag in ("mujoco", "sdf") else "")
        )
    return root


def _hint(error: str) -> str:
    """What to try after an error of the XML parser."""
    if "declaration not at start" in error:
        return "; nothing may stand before <?xml ...?>: remove what does, blank lines too"
    if "unbound prefix" in error:
        return "; declare the prefix, for xacro xmlns:xacro='http://www.ros.org/wiki/xacro'"
    return ""


def read_urdf(path: Path) -> Urdf:
    """Read and check a URDF; raises SpecError naming all that is wrong and the remedies."""
    return check_urdf(parse_xml(path), path)


def check_urdf(root: ET.Element, path: Path) -> Urdf:
    """Check the XML of a URDF; `path` is what errors name."""
    problems = Problems(path)
    urdf = find_problems(root, problems)
    problems.raise_any()
    return urdf


def find_problems(root: ET.Element, problems: Problems) -> Urdf:
    """Read the XML of a URDF and note all that is wrong with it.

    The result is valid only if nothing was noted.
    """
    reader = UrdfReader(problems)
    links = {link.name: link for link in map(reader.link, reader.distinct(root, "link"))}
    if not links:
        problems.add("", "", "no <link>; a robot has at least one")
    named = [reader.joint(e, list(links)) for e in reader.distinct(root, "joint")]
    joints = _tree([j for j in named if j.parent and j.child], problems)
    base = _base(links, named, problems)
    urdf = Urdf(problems.path, base, links, joints)
    for joint in urdf.moving:
        _check_body(urdf, joint, problems)
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


def _possible_part(inertia: FloatArray) -> bool:
    """Whether something fixed to others may have this inertia: it may be a point."""
    return not inertia.any() or possible_inertia(inertia)


def _check_body(urdf: Urdf, joint: UrdfJoint, problems: Problems) -> None:
    """Note it if a joint moves what no body is: nothing, or impossible inertias."""
    parts = [part for part, _, _ in urdf.rigid_group(joint.child)]
    bad = [p for p in parts if p.mass_kg > 0 and not _possible_part(p.inertia_kg_m2)]
    for part in bad:
        _note_inertia(part.name, part.inertia_kg_m2, problems)
    if bad or any(problems.concern("link", part.name) for part in parts):
        return
    mass, _, inertia = composite_inertia(urdf, joint.child)
    if mass <= 0:
        what = (
            f"no mass, but joint {joint.name!r} moves it; give it an <inertial> with mass and "
            "inertia (weigh it; CAD programs compute the tensor), or make the joint fixed"
        )
        problems.add("link", joint.child, what, "--weld", joint.name)
    elif not possible_inertia(inertia):
        _note_inertia(joint.child, inertia, problems)


def _note_inertia(link: str, inertia: FloatArray, problems: Problems) -> None:
    moments = ", ".join(f"{m:.3g}" for m in np.linalg.eigvalsh(inertia))
    what = (
        f"<inertia> has the principal moments {moments} kg m2, which no body has: all must be "
        "positive and the two smaller ones add up to the largest"
    )
    problems.add("link", link, what, "--guess-inertia")


def _tree(joints: list[UrdfJoint], problems: Problems) -> tuple[UrdfJoint, ...]:
    """The joints without those that would close a loop."""
    above: dict[str, UrdfJoint] = {}
    for joint in joints:
        if joint.child in above:
            problems.add(
                "joint",
                joint.name,
                f"link {joint.child!r} already hangs on joint {above[joint.child].name!r}; a URDF "
                "is a tree: remove one of the two, closed loops are not simulated",
            )
            continue
        way = [joint.parent]
        while way[-1] != joint.child and way[-1] in above:
            way.append(above[way[-1]].parent)
        if way[-1] == joint.child:
            loop = " -> ".join([*reversed(way), joint.child])
            problems.add(
                "joint",
                joint.name,
                f"closes the loop {loop}; a URDF is a tree: remove one joint of it",
            )
            continue
        above[joint.child] = joint
    return tuple(above.values())


def _base(links: Iterable[str], joints: list[UrdfJoint], problems: Problems) -> str:
    """The link without a parent, of which there must be one."""
    below = {joint.child for joint in joints}
    roots = [name for name in links if name not in below]
    if len(roots) > 1 and "" not in below:  # an end that is not there was noted already
        problems.add(
            "",
            "",
            f"links {', '.join(map(repr, roots))} have no parent; a robot has one root: join the "
            "others to it by a fixed joint",
        )
    return roots[0] if roots else ""
