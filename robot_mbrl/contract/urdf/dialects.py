"""Dialects of URDF: xacro, which has to be expanded before, and Drake's world, which is there
without being declared."""

import xml.etree.ElementTree as ET
from pathlib import Path

from robot_mbrl.contract.errors import SpecError, how_to_install

WORLD = "world"
OLD_XACRO = ("include", "property", "macro")  # before 2014 they stood without a prefix


def xacro_parts(root: ET.Element) -> list[str]:
    """What only the program xacro understands, each kind once: its elements, and substitutions such
    as ${...} and $(...) in links and joints."""
    found: dict[str, None] = {}
    for element in root.iter():
        space, _, name = element.tag.rpartition("}")
        if "xacro" in space:
            found[f"<xacro:{name}>"] = None
    for element in root:
        if element.tag in OLD_XACRO:
            found[f"<{element.tag}>"] = None
        if element.tag in ("link", "joint"):
            values = [v for part in element.iter() for v in part.attrib.values()]
            found |= dict.fromkeys(v for v in values if "${" in v or "$(" in v)
    return list(found)


def refuse_xacro(root: ET.Element, path: Path) -> None:
    """Raise SpecError for a file that has to be expanded: dropped, it would be another robot."""
    parts = xacro_parts(root)
    if parts:
        raise SpecError(
            f"{path}: holds xacro, which a URDF must not: {', '.join(parts)}. `robot-mbrl "
            f"new-robot {path.name} --out FOLDER` expands it, and so does `xacro {path.name}`, "
            f"with the package xacro ({how_to_install('xacro')})"
        )


def declare_world(root: ET.Element) -> bool:
    """Declare the link "world" if joints hang on it and nobody did; whether that was so."""
    links = {link.get("name") for link in root.findall("link")}
    parents = {parent.get("link") for parent in root.findall("joint/parent")}
    if WORLD in links or WORLD not in parents:
        return False
    root.insert(0, ET.Element("link", name=WORLD))
    return True
