"""The URDF of one world for PyBullet: lengths and masses of that world, and nothing it misreads.

PyBullet can change a mass at run time, but neither where a joint sits nor where a centre of mass
is; so each world is written as a URDF of its own. PyBullet also misreads a link without inertia,
which would weigh 1 kg, an axis that is not of unit length, by which a slider goes further, and a
link without mass, whose <inertia> it counts: what weighs nothing is a frame, no body. What is wrong
with a URDF `contract.urdf` has refused before.
"""

import copy
import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.urdf.tree import composite_inertia, parse_xml, read_urdf

NO_LOADS: Mapping[str, tuple[float, float]] = MappingProxyType({})
NOTHING = """<inertial><mass value="0"/>
<inertia ixx="0" iyy="0" izz="0" ixy="0" ixz="0" iyz="0"/></inertial>"""


class UrdfWriter:
    """Writes the URDF of any world of a robot.

    Shapes are left out, since robots here touch nothing, and so are damping and friction, which
    PyBullet would apply in its own way.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self._root = parse_xml(spec.urdf)
        for link in self._root.iter("link"):
            for name in ("visual", "collision"):
                for shape in link.findall(name):
                    link.remove(shape)
            inertial = link.find("inertial")
            if inertial is None or _number(inertial.find("mass"), "value") == 0:
                if inertial is not None:
                    link.remove(inertial)
                link.append(ET.fromstring(NOTHING))
        self._carrier = _carriers(spec)
        urdf = read_urdf(spec.urdf)
        self._centres = {link: composite_inertia(urdf, link)[1] for link in spec.links}
        self._dynamics = {}
        axes = {joint.name: joint.axis for joint in urdf.joints}
        for joint in self._root.findall("joint"):
            for axis in joint.findall("axis"):
                axis.set("xyz", " ".join(repr(x) for x in axes[joint.get("name", "")].tolist()))
            dynamics = joint.find("dynamics")
            values = (_number(dynamics, "damping"), _number(dynamics, "friction"))
            self._dynamics[joint.get("name", "")] = values
            if dynamics is not None:
                joint.remove(dynamics)

    def joint_dynamics(self, joints: list[str]) -> FloatArray:
        """Nominal damping in N m s/rad and friction in N m of these joints, (2, J)."""
        return np.array([self._dynamics[name] for name in joints]).T

    def write(
        self, parameters: dict[str, float], loads: Mapping[str, tuple[float, float]] = NO_LOADS
    ) -> str:
        """The text for `parameters`, by path: m and l scale I by m l^2, centres and joints by l.

        What is fixed to a link is a part of it. `loads` are point masses: of a link, kg and m from
        its joint, NaN for twice the distance of the centre of mass.
        """
        root = copy.deepcopy(self._root)
        for link in root.findall("link"):
            path = f"links.{self._carrier[link.get('name', '')]}."
            if path + "mass" in parameters:
                for inertial in link.iter("inertial"):
                    scale_link(inertial, parameters[path + "mass"], parameters[path + "length"])
        for joint in root.findall("joint"):  # a <transmission> names joints as well
            carrier = self._carrier[_end(joint, "parent")]
            length = parameters.get(f"links.{carrier}.length", 1.0)
            scale_origin(joint, length)
        for name, (mass, distance) in loads.items():
            centre = self.centre(name, parameters)
            reach = float(np.linalg.norm(centre))
            distance = 2 * reach if math.isnan(distance) else distance
            root.extend(_load(name, mass, centre / reach * distance if reach else centre))
        return ET.tostring(root, encoding="unicode")

    def centre(self, link: str, parameters: dict[str, float]) -> FloatArray:
        """Centre of mass (3,) of a link with all that is fixed to it, in the link's frame."""
        centre: FloatArray = self._centres[link] * parameters.get(f"links.{link}.length", 1.0)
        return centre


def _load(link: str, mass: float, place: FloatArray) -> list[ET.Element]:
    """A point mass at a place (3,) of a link."""
    name, xyz = f"payload of {link}", " ".join(repr(x) for x in place.tolist())
    part, joint = ET.Element("link", name=name), ET.Element("joint", name=name, type="fixed")
    part.append(ET.fromstring(NOTHING))
    for element in part.iter("mass"):
        element.set("value", repr(mass))
    ET.SubElement(joint, "parent", link=link)
    ET.SubElement(joint, "child", link=name)
    ET.SubElement(joint, "origin", xyz=xyz)
    return [part, joint]


def _carriers(spec: RobotSpec) -> dict[str, str]:
    """Of each link, the moving one that it is fixed to, or itself."""
    urdf = read_urdf(spec.urdf)
    return {
        part.name: link
        for link in (urdf.root, *(joint.child for joint in urdf.moving))
        for part, _, _ in urdf.rigid_group(link)
    }


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
