"""The URDF of one world for PyBullet: lengths and masses of that world, and nothing it misreads.

PyBullet can change a mass at run time, but neither where a joint sits nor where a centre of mass
is; so each world is written as a URDF of its own. PyBullet also forgives what is wrong: a link
without inertia weighs 1 kg, one with an impossible inertia gets none. Here that is an error.
"""

import copy
import xml.etree.ElementTree as ET
from typing import NoReturn

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.errors import SpecError

MOVABLE = ("revolute", "continuous", "prismatic")
NOTHING = """<inertial><mass value="0"/>
<inertia ixx="0" iyy="0" izz="0" ixy="0" ixz="0" iyz="0"/></inertial>"""


class UrdfWriter:
    """Writes the URDF of any world of a robot.

    Shapes are left out, since robots here touch nothing, and so are damping and friction, which
    PyBullet would apply in its own way.

    Raises SpecError for a URDF that does not describe a mechanism, naming link or joint.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec
        self._root = ET.parse(spec.urdf).getroot()
        try:
            self._check()
        except ValueError as error:
            raise SpecError(f"{spec.urdf}: not a number: {error}") from error
        for link in self._root.iter("link"):
            for name in ("visual", "collision"):
                for shape in link.findall(name):
                    link.remove(shape)
            if link.find("inertial") is None:
                link.append(ET.fromstring(NOTHING))
        self._dynamics = {}
        for joint in self._root.findall("joint"):
            dynamics = joint.find("dynamics")
            values = (_number(dynamics, "damping"), _number(dynamics, "friction"))
            self._dynamics[joint.get("name", "")] = values
            if dynamics is not None:
                joint.remove(dynamics)

    def joint_dynamics(self, joints: list[str]) -> FloatArray:
        """Nominal damping in N m s/rad and friction in N m of these joints, (2, J)."""
        return np.array([self._dynamics[name] for name in joints]).T

    def write(self, parameters: dict[str, float]) -> str:
        """The text for `parameters`, by path: m and l scale I by m l^2, centres and joints by l."""
        root = copy.deepcopy(self._root)
        for link in root.iter("link"):
            path = f"links.{link.get('name')}."
            if path + "mass" in parameters:
                for inertial in link.iter("inertial"):
                    scale_link(inertial, parameters[path + "mass"], parameters[path + "length"])
        for joint in root.iter("joint"):
            length = parameters.get(f"links.{_end(joint, 'parent')}.length", 1.0)
            scale_origin(joint, length)
        return ET.tostring(root, encoding="unicode")

    def _check(self) -> None:
        links = {link.get("name", ""): link for link in self._root.iter("link")}
        joints = list(self._root.findall("joint"))
        for joint in joints:
            self._check_joint(joint, links)
        children = [_end(joint, "child") for joint in joints]
        twice = sorted({c for c in children if children.count(c) > 1})
        if twice:
            self._refuse(f"link {twice[0]!r} is the child of several joints; expected a tree")
        roots = [name for name in links if name not in children]
        if len(roots) != 1:
            self._refuse(f"expected one link that is no joint's child, the base; got {roots}")
        reached = set(roots)
        for _ in joints:
            reached |= {_end(j, "child") for j in joints if _end(j, "parent") in reached}
        if reached != set(links):
            loop = sorted(set(links) - reached)
            self._refuse(f"links {loop} hang on one another and not on the base {roots[0]!r}")

    def _check_joint(self, joint: ET.Element, links: dict[str, ET.Element]) -> None:
        name = joint.get("name")
        for end in ("parent", "child"):
            if _end(joint, end) not in links:
                self._refuse(f"joint {name!r}: its {end} {_end(joint, end)!r} is no link")
        if joint.get("type") not in MOVABLE:
            return
        axis = joint.find("axis")
        if axis is not None and not _vector(axis, "1 0 0").any():
            self._refuse(f"joint {name!r}: axis is zero; expected a direction")
        self._check_inertia(_end(joint, "child"), links[_end(joint, "child")])

    def _check_inertia(self, name: str, link: ET.Element) -> None:
        inertial = link.find("inertial")
        if inertial is None:
            self._refuse(f"link {name!r} moves and has no <inertial>; give its mass and inertia")
        mass = _number(inertial.find("mass"), "value")
        if not mass > 0:
            self._refuse(f"link {name!r}: mass is {mass:g} kg; a moving link needs more than 0")
        moments = np.linalg.eigvalsh(inertia_matrix(inertial))
        if not (moments[0] > 0 and moments[0] + moments[1] >= moments[2] * (1 - 1e-6)):
            self._refuse(
                f"link {name!r}: principal moments of inertia {moments} kg m2 are of no body; "
                "expected positive ones, none larger than the sum of the others"
            )

    def _refuse(self, problem: str) -> NoReturn:
        raise SpecError(f"{self._spec.urdf}: {problem}")


def inertia_matrix(inertial: ET.Element) -> FloatArray:
    """The tensor (3, 3) of an <inertial>."""
    tensor = inertial.find("inertia")
    xx, xy, xz, yy, yz, zz = (
        _number(tensor, key) for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
    )
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def scale_link(inertial: ET.Element, mass: float, length: float) -> None:
    """Make a link heavier by `mass` and longer by `length`, in place."""
    for element in inertial.iter("mass"):
        element.set("value", repr(_number(element, "value") * mass))
    for tensor in inertial.iter("inertia"):
        for key in tensor.keys():  # noqa: SIM118 - an Element is no mapping
            tensor.set(key, repr(_number(tensor, key) * mass * length**2))
    scale_origin(inertial, length)


def scale_origin(element: ET.Element, factor: float) -> None:
    """Move the <origin> of an element away from that of its frame, in place."""
    for origin in element.findall("origin"):
        xyz = _vector(origin) * factor
        origin.set("xyz", " ".join(repr(x) for x in xyz.tolist()))


def _number(element: ET.Element | None, key: str) -> float:
    return 0.0 if element is None else float(element.get(key, "0"))


def _vector(element: ET.Element, default: str = "0 0 0") -> FloatArray:
    return np.array([float(x) for x in element.get("xyz", default).split()])


def _end(joint: ET.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else element.get("link", "")
