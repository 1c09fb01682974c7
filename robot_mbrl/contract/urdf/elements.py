"""Elements of a URDF, one by one: a link with its inertia, a joint with axis, limits, friction."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.urdf.problems import Problems

TURNING = ("revolute", "continuous")
SLIDING = "prismatic"
MOVABLE = (*TURNING, SLIDING)
ONCE = {
    "link": ("inertial",),
    "inertial": ("origin", "mass", "inertia"),
    "joint": ("origin", "parent", "child", "axis", "limit", "dynamics", "mimic"),
}
"""Elements that may stand once in another."""


@dataclass(frozen=True)
class UrdfLink:
    """A rigid body: mass in kg, centre of mass (3,) in m, inertia (3, 3) in kg m2 about it, both in
    the link's frame; mass 0 without <inertial>."""

    name: str
    mass_kg: float
    centre_m: FloatArray
    inertia_kg_m2: FloatArray


@dataclass(frozen=True)
class UrdfJoint:
    """A joint between two links.

    `rotation` (3, 3) and `origin_m` (3,) place the child in the parent, `axis` (3,) is of unit
    length in the child's frame. What the file does not say is NaN (limits, effort, velocity) or 0
    (damping, friction). Of a sliding joint the numbers are in m, N, m/s, N s/m and N, whatever
    their names say.
    """

    name: str
    kind: str
    parent: str
    child: str
    origin_m: FloatArray
    rotation: FloatArray
    axis: FloatArray
    limit_rad: tuple[float, float]
    effort_nm: float
    velocity_rad_s: float
    damping_nm_s_rad: float
    friction_nm: float

    @property
    def moves(self) -> bool:
        """Whether it is a degree of freedom."""
        return self.kind in MOVABLE

    @property
    def slides(self) -> bool:
        """Whether it moves along its axis, not about it."""
        return self.kind == SLIDING


class UrdfReader:
    """Reads elements of one file. What is wrong goes to `problems`; what was meant is then replaced
    by something harmless, so that reading goes on."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def note(self, element: ET.Element, what: str, option: str = "") -> None:
        """Note a problem of a link or joint."""
        self.problems.add(element.tag, element.get("name", ""), what, option)

    def distinct(self, root: ET.Element, tag: str) -> list[ET.Element]:
        """All elements of a kind; of those with one name the first."""
        found: dict[str, ET.Element] = {}
        for element in root.findall(tag):
            name = element.get("name", "")
            if not name or name in found:
                self.note(element, "expected a name that no other element of the kind has")
            else:
                found[name] = element
        return list(found.values())

    def numbers(
        self, owner: ET.Element, child: ET.Element | None, key: str, default: str
    ) -> FloatArray:
        """Finite numbers of an attribute, as many as in `default`."""
        text = default if child is None else child.get(key, default)
        count = len(default.split())
        try:
            values = np.array([float(word) for word in text.split()])
        except ValueError:
            values = np.empty(0)
        if len(values) == count and np.isfinite(values).all():
            return values
        tag = "" if child is None else f"<{child.tag}> "
        expected = (
            "a finite number" if count == 1 else f"{count} finite numbers with blanks between"
        )
        self.note(owner, f"{tag}{key}: expected {expected}, got {text!r}")
        return np.array([float(word) for word in default.split()])

    def number(self, owner: ET.Element, child: ET.Element | None, key: str) -> float:
        """A finite number; NaN when the file does not have it."""
        if child is None or key not in child.attrib:
            return math.nan
        return float(self.numbers(owner, child, key, "0")[0])

    def pose(self, owner: ET.Element, parent: ET.Element) -> tuple[FloatArray, FloatArray]:
        """Place (3,) and rotation (3, 3) of an <origin>."""
        origin = parent.find("origin")
        rpy = self.numbers(owner, origin, "rpy", "0 0 0")
        return self.numbers(owner, origin, "xyz", "0 0 0"), rotation(rpy)

    def once(self, owner: ET.Element, element: ET.Element) -> None:
        """Note what stands twice in an element: simulators take different ones of the two."""
        for tag in ONCE[element.tag]:
            if len(element.findall(tag)) > 1:
                self.note(owner, f"more than one <{tag}>; keep one")

    def link(self, element: ET.Element) -> UrdfLink:
        """A <link>; without <inertial> it weighs nothing."""
        inertial, name = element.find("inertial"), element.get("name", "")
        self.once(element, element)
        if inertial is None:
            return UrdfLink(name, 0.0, np.zeros(3), np.zeros((3, 3)))
        self.once(element, inertial)
        mass = self.number(element, inertial.find("mass"), "value")
        if math.isnan(mass) or mass < 0:
            self.note(element, f"<mass> is {mass:g} kg; expected a positive mass: weigh the part")
            mass = 0.0
        tensor = inertial.find("inertia")
        xx, xy, xz, yy, yz, zz = (
            float(self.numbers(element, tensor, key, "0")[0])
            for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
        )
        centre, turn = self.pose(element, inertial)
        local = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return UrdfLink(name, mass, centre, turn @ local @ turn.T)

    def joint(self, element: ET.Element, links: Sequence[str]) -> UrdfJoint:
        """A <joint>; "" stands for an end that is not among `links`."""
        kind = element.get("type", "")
        self.once(element, element)
        self.check_kind(element, kind)
        ends = [self.end(element, tag, links) for tag in ("parent", "child")]
        axis = self.numbers(element, element.find("axis"), "xyz", "1 0 0")
        length = float(np.linalg.norm(axis))
        if kind in MOVABLE and length < 1e-6:
            self.note(element, "<axis> has no direction; expected for example xyz='0 0 1'")
        limit, dynamics = element.find("limit"), element.find("dynamics")
        origin, turn = self.pose(element, element)
        friction = [self.number(element, dynamics, key) for key in ("damping", "friction")]
        if min(friction) < 0:
            self.note(element, "<dynamics> damping and friction must not be negative")
        return UrdfJoint(
            name=element.get("name", ""),
            kind=kind,
            parent=ends[0],
            child=ends[1],
            origin_m=origin,
            rotation=turn,
            axis=axis / max(length, 1e-6),
            limit_rad=self.range(element, limit, kind)
            if kind in ("revolute", SLIDING)
            else (math.nan, math.nan),
            effort_nm=self.number(element, limit, "effort"),
            velocity_rad_s=self.number(element, limit, "velocity"),
            damping_nm_s_rad=0.0 if math.isnan(friction[0]) else friction[0],
            friction_nm=0.0 if math.isnan(friction[1]) else friction[1],
        )

    def check_kind(self, element: ET.Element, kind: str) -> None:
        """Note what is not simulated."""
        mimic = element.find("mimic")
        if kind not in (*MOVABLE, "fixed"):
            self.note(
                element,
                f"type {kind!r} is not supported; use revolute, continuous, prismatic or fixed (a "
                "ball joint is three revolute ones)",
                "--weld",
            )
        elif mimic is not None and kind != "fixed":
            self.note(
                element,
                f"mimics joint {mimic.get('joint')!r}; coupled joints are not simulated: remove "
                "<mimic> if it has a motor of its own",
                "--weld",
            )

    def end(self, element: ET.Element, tag: str, links: Sequence[str]) -> str:
        """The link that <parent> or <child> names; "" if there is none."""
        found = element.find(tag)
        name = "" if found is None else found.get("link", "")
        if name in links:
            return name
        self.note(element, f"<{tag}> names link {name!r}; the file has: {', '.join(links)}")
        return ""

    def range(
        self, element: ET.Element, limit: ET.Element | None, kind: str
    ) -> tuple[float, float]:
        """The limits of a revolute joint in rad, of a prismatic one in m."""
        slides = kind == SLIDING
        unit = "m" if slides else "rad"
        wanted = f"a {kind} joint needs a <limit> with lower and upper in {unit}"
        endless = "" if slides else "; make it continuous if it has no end"
        if limit is None:
            self.note(element, wanted + endless)
            return -math.pi, math.pi
        if "lower" not in limit.attrib and "upper" not in limit.attrib:
            self.note(element, wanted + endless, "--weld")
            return -math.pi, math.pi
        low, high = (float(self.numbers(element, limit, k, "0")[0]) for k in ("lower", "upper"))
        if not low < high:
            self.note(
                element,
                f"<limit> lower {low:g} is not below upper {high:g} {unit}; swap them"
                + ("" if slides else ", or make the joint continuous"),
                "--weld",
            )
            return -math.pi, math.pi
        return low, high


def rotation(rpy: FloatArray) -> FloatArray:
    """R = Rz(yaw) Ry(pitch) Rx(roll), (3, 3), of URDF angles (3,) in rad."""
    (sr, sp, sy), (cr, cp, cy) = np.sin(rpy), np.cos(rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )
