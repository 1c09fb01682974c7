"""A copy of anybody's URDF that is complete in one folder: what cannot be simulated is mended or
refused."""

import math
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.urdf.elements import MOVABLE
from robot_mbrl.contract.urdf.problems import Problems
from robot_mbrl.contract.urdf.tree import find_problems, possible_inertia
from sim.adopt.placeholder_limits import mend_limits
from sim.adopt.read_source import read_source
from sim.mujoco_engine.urdf_xml import search_mesh

DENSITY_KG_M3 = 1000.0


@dataclass
class AdoptedUrdf:
    """The changed XML, the meshes to copy (new name -> file), what was changed, for people, and
    what position limits (joint -> words) were taken for."""

    root: ET.Element
    meshes: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    limits: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path, name: str) -> None:
        """Write the URDF as `name` into `folder`, its meshes beside it."""
        for target, source in self.meshes.items():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / target)
        ET.indent(self.root)
        text = ET.tostring(self.root, encoding="unicode")
        (folder / name).write_text(f'<?xml version="1.0"?>\n{text}\n', encoding="utf-8")

    def add_friction(self, friction_nm: Mapping[str, float]) -> None:
        """Give joints (name -> N m) the friction that the file does not have."""
        rubbed = []
        for joint in self.root.findall("joint"):
            name, dynamics = joint.get("name", ""), joint.find("dynamics")
            if name not in friction_nm or (
                dynamics is not None and float(dynamics.get("friction", 0)) > 0
            ):
                continue
            if dynamics is None:
                dynamics = ET.SubElement(joint, "dynamics", damping="0")
            dynamics.set("friction", f"{friction_nm[name]:.3g}")
            rubbed.append(name)
        if rubbed:
            self.notes.append(f"friction added to joint {', '.join(rubbed)}: no gear is without")


def adopt_urdf(
    source: Path,
    *,
    weld: Sequence[str] = (),
    guess_inertia: bool = False,
    meshes: bool = True,
) -> AdoptedUrdf:
    """Read a URDF and make it one that can be simulated.

    Args:
        source: the file, URDF or xacro.
        weld: joints to make fixed.
        guess_inertia: replace inertias that no body has by rough ones.
        meshes: keep geometry that is a mesh.

    Raises:
        SpecError: all that cannot be simulated and all meshes that are not there: file, elements,
            remedies.
        SettingsError: a joint of `weld` that the robot does not have.
    """
    root, notes = read_source(source)
    adopted = AdoptedUrdf(root, notes=notes)
    for name in weld:
        _weld(adopted, source, name)
    adopted.limits = mend_limits(root)
    for what in dict.fromkeys(adopted.limits.values()):
        names = ", ".join(name for name, said in adopted.limits.items() if said == what)
        adopted.notes.append(f"joint {names}: {what}")
    if guess_inertia:
        for link in adopted.root.findall("link"):
            _guess_inertia(adopted, link)
    problems = Problems(source)
    find_problems(adopted.root, problems)
    joints = adopted.root.findall("joint")
    if not any(j.get("type") in MOVABLE and j.find("mimic") is None for j in joints):
        problems.add(
            "", "", "no joint moves (revolute, continuous or prismatic): nothing to control"
        )
    for link in adopted.root.findall("link"):
        _take_meshes(adopted, link, problems, keep=meshes)
    problems.raise_any()
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
    """The nearest inertia that a body can have.

    Where the largest moment is more than the other two together, their sum; where one is not
    positive, their mean about every axis; where there are none, a ball of water's density.
    """
    tensor, mass = link.find("inertial/inertia"), link.find("inertial/mass")
    try:
        kg = float(mass.get("value", "nan")) if mass is not None else math.nan
        values = {k: float(tensor.get(k, 0)) if tensor is not None else 0.0 for k in _KEYS}
    except ValueError:
        return  # the check names it
    local = np.array([[values[k] for k in row] for row in _TENSOR])
    if not kg > 0 or not np.isfinite(local).all() or possible_inertia(local):
        return
    guess = _nearest_possible(local, kg)
    if tensor is None:
        inertial = link.find("inertial")
        tensor = ET.SubElement(link if inertial is None else inertial, "inertia")
    for keys, row in zip(_TENSOR, guess, strict=True):
        for key, value in zip(keys, row, strict=True):
            tensor.set(key, f"{value:.9g}")
    moments = ", ".join(f"{m:.3g}" for m in np.linalg.eigvalsh(guess))
    adopted.notes.append(
        f"link {link.get('name')!r}: an impossible inertia replaced by one with the principal "
        f"moments {moments} kg m2; take the tensor from CAD"
    )


def _nearest_possible(local: FloatArray, kg: float) -> FloatArray:
    moments, axes = np.linalg.eigh(local)
    a, b, _ = moments
    if a > 1e-9 * b > 0:
        nearest: FloatArray = axes @ np.diag([a, b, (a + b) * (1 - 1e-6)]) @ axes.T
        return nearest
    radius = (3 * kg / (4 * math.pi * DENSITY_KG_M3)) ** (1 / 3)
    mean = float(np.trace(local)) / 3
    return np.eye(3) * (mean if mean > 0 else 0.4 * kg * radius**2)


_TENSOR = (("ixx", "ixy", "ixz"), ("ixy", "iyy", "iyz"), ("ixz", "iyz", "izz"))
_KEYS = ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")


def _take_meshes(adopted: AdoptedUrdf, link: ET.Element, problems: Problems, *, keep: bool) -> None:
    for element in [e for e in link if e.tag in ("visual", "collision")]:
        mesh = element.find("geometry/mesh")
        if mesh is None:
            continue
        if not keep:
            link.remove(element)
            continue
        name = mesh.get("filename", "")
        path, why = search_mesh(name, problems.path)
        if path is None:
            what = f"mesh {name!r} {why}; simulation needs no meshes, pictures do"
            problems.add("link", link.get("name", ""), what, "--no-meshes")
        else:
            mesh.set("filename", _name_of(adopted, path))


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
