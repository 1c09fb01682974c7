"""A copy of anybody's URDF that is complete in one folder: what cannot be simulated is mended or
refused."""

import math
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.urdf.elements import TURNING
from robot_mbrl.contract.urdf.tree import check_urdf, parse_xml, possible_inertia
from sim.mujoco_engine.urdf_xml import find_mesh

DENSITY_KG_M3 = 1000.0
FRICTION_SHARE = 0.02
"""Of the effort: Coulomb friction of an STS3215 is 1.8 %, of an XL330-M288 2.5 % (both BAM)."""


@dataclass
class AdoptedUrdf:
    """The changed XML, the meshes to copy (new name -> file) and what was changed, for people."""

    root: ET.Element
    meshes: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def write(self, folder: Path, name: str) -> None:
        """Write the URDF as `name` into `folder`, its meshes beside it."""
        for target, source in self.meshes.items():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / target)
        ET.indent(self.root)
        text = ET.tostring(self.root, encoding="unicode")
        (folder / name).write_text(f'<?xml version="1.0"?>\n{text}\n', encoding="utf-8")


def adopt_urdf(
    source: Path,
    *,
    weld: Sequence[str] = (),
    guess_inertia: bool = False,
    meshes: bool = True,
) -> AdoptedUrdf:
    """Read a URDF and make it one that can be simulated.

    Args:
        source: the file.
        weld: joints to make fixed.
        guess_inertia: replace inertias that no body has by rough ones.
        meshes: keep geometry that is a mesh.

    Raises:
        SpecError: what cannot be simulated, or a mesh that is not there: file, element, remedy.
        SettingsError: a joint of `weld` that the robot does not have.
    """
    adopted = AdoptedUrdf(parse_xml(source))
    for name in weld:
        _weld(adopted, source, name)
    if guess_inertia:
        for link in adopted.root.findall("link"):
            _guess_inertia(adopted, link)
    check_urdf(adopted.root, source)
    rubbed = [j.get("name", "") for j in adopted.root.findall("joint") if _add_friction(j)]
    if rubbed:
        adopted.notes.append(
            f"friction of {FRICTION_SHARE:.0%} of its effort added to joint {', '.join(rubbed)}"
        )
    for link in adopted.root.findall("link"):
        _take_meshes(adopted, link, source, keep=meshes)
    return adopted


def _weld(adopted: AdoptedUrdf, source: Path, name: str) -> None:
    joints = {j.get("name"): j for j in adopted.root.findall("joint")}
    movable = [n for n, j in joints.items() if j.get("type") != "fixed"]
    if name not in movable:
        raise SettingsError(
            f"{source}: --weld {name}: no such movable joint; it has: "
            f"{', '.join(map(str, movable)) or 'none'}"
        )
    joint = joints[name]
    adopted.notes.append(f"joint {name!r} ({joint.get('type')}) made fixed")
    joint.set("type", "fixed")
    for tag in ("axis", "limit", "dynamics", "mimic", "safety_controller"):
        for element in joint.findall(tag):
            joint.remove(element)


def _guess_inertia(adopted: AdoptedUrdf, link: ET.Element) -> None:
    """Impossible moments: their mean. None at all: a ball of water's density."""
    tensor, mass = link.find("inertial/inertia"), link.find("inertial/mass")
    try:
        kg = float(mass.get("value", "nan")) if mass is not None else math.nan
        values = {k: float(tensor.get(k, 0)) if tensor is not None else 0.0 for k in _KEYS}
    except ValueError:
        return  # the check names it
    local = np.array([[values[k] for k in row] for row in _TENSOR])
    if not kg > 0 or possible_inertia(local):
        return
    mean = float(np.trace(local)) / 3
    radius = (3 * kg / (4 * math.pi * DENSITY_KG_M3)) ** (1 / 3)
    guess = mean if mean > 0 else 0.4 * kg * radius**2
    if tensor is None:
        inertial = link.find("inertial")
        tensor = ET.SubElement(link if inertial is None else inertial, "inertia")
    for key in _KEYS:
        tensor.set(key, f"{guess:.4g}" if key in ("ixx", "iyy", "izz") else "0")
    adopted.notes.append(
        f"link {link.get('name')!r}: an impossible inertia replaced by {guess:.3g} kg m2 about "
        "every axis; take the tensor from CAD"
    )


_TENSOR = (("ixx", "ixy", "ixz"), ("ixy", "iyy", "iyz"), ("ixz", "iyz", "izz"))
_KEYS = ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")


def _add_friction(joint: ET.Element) -> bool:
    """No gear is without friction: where the file has none and knows the effort, a share of it."""
    limit, dynamics = joint.find("limit"), joint.find("dynamics")
    effort = float(limit.get("effort", 0)) if limit is not None else 0.0
    known = {} if dynamics is None else dynamics.attrib
    if joint.get("type") not in TURNING or effort <= 0 or float(known.get("friction", 0)) > 0:
        return False
    if dynamics is None:
        dynamics = ET.SubElement(joint, "dynamics", damping="0")
    dynamics.set("friction", f"{FRICTION_SHARE * effort:.3g}")
    return True


def _take_meshes(adopted: AdoptedUrdf, link: ET.Element, source: Path, *, keep: bool) -> None:
    for element in [e for e in link if e.tag in ("visual", "collision")]:
        mesh = element.find("geometry/mesh")
        if mesh is None:
            continue
        if not keep:
            link.remove(element)
            continue
        path = find_mesh(mesh, link, source)
        target = _name_of(adopted, path)
        mesh.set("filename", target)


def _name_of(adopted: AdoptedUrdf, path: Path) -> str:
    """Where a mesh is copied to; MuJoCo names meshes by their stem, so stems differ."""
    for target, known in adopted.meshes.items():
        if known == path:
            return target
    stem = path.stem
    while stem in {Path(t).stem for t in adopted.meshes}:
        stem += "_"
    target = f"meshes/{stem}{path.suffix.lower()}"
    adopted.meshes[target] = path
    return target
