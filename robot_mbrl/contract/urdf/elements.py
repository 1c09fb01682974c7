"""Elements of a URDF, one by one: a link with its inertia, a joint with axis, limits, friction."""

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SpecError

TURNING = ("revolute", "continuous")
SLIDING = "prismatic"
MOVABLE = (*TURNING, SLIDING)


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


def unsupported_joints(root: ET.Element) -> list[str]:
    """Names of the joints whose kind is refused: ball, floating and coupled ones."""
    return [
        e.get("name", "")
        for e in root.findall("joint")
        if e.get("type") != "fixed"
        and (e.get("type") not in MOVABLE or e.find("mimic") is not None)
    ]


class UrdfReader:
    """Reads elements of one file; every error names it."""

    def __init__(self, path: Path, unsupported: list[str]) -> None:
        self.path = path
        # all of them, so that one command mends the file
        self.weld = f"`robot-mbrl new-robot --weld {' '.join(unsupported)}` makes it fixed"

    def fail(self, element: ET.Element, message: str) -> SpecError:
        """The error for an element: file, kind, name, message."""
        return SpecError(f"{self.path}: {element.tag} {element.get('name', '')!r}: {message}")

    def distinct(self, root: ET.Element, tag: str) -> list[ET.Element]:
        """All elements of a kind; their names must differ."""
        seen: set[str] = set()
        for element in root.findall(tag):
            name = element.get("name", "")
            if not name or name in seen:
                raise self.fail(element, "expected a name that no other element of the kind has")
            seen.add(name)
        return root.findall(tag)

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
        if len(values) != count or not np.isfinite(values).all():
            tag = "" if child is None else f"<{child.tag}> "
            expected = "a finite number" if count == 1 else f"{count} finite numbers"
            raise self.fail(owner, f"{tag}{key}: expected {expected}, got {text!r}")
        return values

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

    def link(self, element: ET.Element) -> UrdfLink:
        """A <link>; without <inertial> it weighs nothing."""
        inertial, name = element.find("inertial"), element.get("name", "")
        if inertial is None:
            return UrdfLink(name, 0.0, np.zeros(3), np.zeros((3, 3)))
        mass = self.number(element, inertial.find("mass"), "value")
        if math.isnan(mass) or mass < 0:
            raise self.fail(
                element, f"<mass> is {mass:g} kg; expected a positive mass: weigh the part"
            )
        tensor = inertial.find("inertia")
        xx, xy, xz, yy, yz, zz = (
            float(self.numbers(element, tensor, key, "0")[0])
            for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
        )
        centre, turn = self.pose(element, inertial)
        local = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return UrdfLink(name, mass, centre, turn @ local @ turn.T)

    def joint(self, element: ET.Element, links: dict[str, UrdfLink]) -> UrdfJoint:
        """A <joint> of a supported kind between links that exist."""
        kind = element.get("type", "")
        self.check_kind(element, kind)
        ends = [self.end(element, tag, links) for tag in ("parent", "child")]
        axis = self.numbers(element, element.find("axis"), "xyz", "1 0 0")
        length = float(np.linalg.norm(axis))
        if kind in MOVABLE and length < 1e-6:
            raise self.fail(element, "<axis> has no direction; expected for example xyz='0 0 1'")
        limit, dynamics = element.find("limit"), element.find("dynamics")
        origin, turn = self.pose(element, element)
        friction = [self.number(element, dynamics, key) for key in ("damping", "friction")]
        if min(friction) < 0:
            raise self.fail(element, "<dynamics> damping and friction must not be negative")
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
        """Refuse what is not simulated."""
        weld = self.weld
        if kind not in (*MOVABLE, "fixed"):
            raise self.fail(
                element,
                f"type {kind!r} is not supported; use revolute, continuous, prismatic or fixed (a "
                f"ball joint is three revolute ones), or {weld}",
            )
        mimic = element.find("mimic")
        if mimic is not None and kind != "fixed":
            raise self.fail(
                element,
                f"mimics joint {mimic.get('joint')!r}; coupled joints are not simulated: remove "
                f"<mimic> if it has a motor of its own, or {weld}",
            )

    def end(self, element: ET.Element, tag: str, links: dict[str, UrdfLink]) -> str:
        """The link that <parent> or <child> names."""
        found = element.find(tag)
        name = "" if found is None else found.get("link", "")
        if name not in links:
            raise self.fail(
                element, f"<{tag}> names link {name!r}; the file has: {', '.join(links)}"
            )
        return name

    def range(
        self, element: ET.Element, limit: ET.Element | None, kind: str
    ) -> tuple[float, float]:
        """The limits of a revolute joint in rad, of a prismatic one in m."""
        unit, endless = ("m", "") if kind == SLIDING else ("rad", " make it continuous,")
        if limit is None:
            hint = "; make it continuous if it has no end" if endless else ""
            raise self.fail(
                element, f"a {kind} joint needs a <limit> with lower and upper in {unit}{hint}"
            )
        low, high = (float(self.numbers(element, limit, k, "0")[0]) for k in ("lower", "upper"))
        if not low < high:
            raise self.fail(
                element,
                f"<limit> lower {low:g} is not below upper {high:g} {unit}; swap them,{endless} or "
                f"`robot-mbrl new-robot --weld {element.get('name')}` makes it fixed",
            )
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
