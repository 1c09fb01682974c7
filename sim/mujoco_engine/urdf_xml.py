"""The URDF as MuJoCo is given it: without geometry for physics, with it for pictures."""

import xml.etree.ElementTree as ET
from pathlib import Path

from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.urdf.tree import check_urdf, parse_xml

GEOMETRY = ("visual", "collision")
DRAWABLE = (".obj", ".stl", ".msh")
MESHES = (*DRAWABLE, ".dae", ".glb", ".gltf", ".ply")


def physics_xml(urdf: Path) -> str:
    """The URDF without geometry, as text for MuJoCo: nothing collides, and inertia stands in the
    file, so meshes are neither read nor needed. Raises SpecError for a file that is no URDF.

    A link without mass is a frame, whatever its <inertia> says, which MuJoCo would count in a link
    that moves and carries others."""
    root = parse_xml(urdf)
    for link in root.findall("link"):
        mass = link.find("inertial/mass")
        if mass is not None and float(mass.get("value", "0")) == 0:
            link.remove(*link.findall("inertial"))
        for element in _geometry(link):
            link.remove(element)
    _drop_needless_inertia(root, urdf)
    _add_compiler(root)
    return ET.tostring(root, encoding="unicode")


def picture_xml(urdf: Path) -> tuple[str, dict[str, bytes]]:
    """The URDF with what can be drawn: visual geometry, or else the collision geometry of a link.

    Returns the XML and the meshes it names. Raises SpecError for a mesh that is missing.
    """
    root = parse_xml(urdf)
    meshes: dict[str, bytes] = {}
    for link in root.findall("link"):
        visuals = [e for e in link.findall("visual") if _drawable(e)]
        shown = visuals or [e for e in link.findall("collision") if _drawable(e)]
        for element in _geometry(link):
            if element not in shown:
                link.remove(element)
        for element in shown:
            element.tag = "visual"
            for mesh in element.iter("mesh"):
                path = find_mesh(mesh, link, urdf)
                name = f"{len(meshes)}_{path.name.lower()}"  # MuJoCo tells meshes apart by stem
                mesh.set("filename", name)
                meshes[name] = _only_faces(path) if name.endswith(".obj") else path.read_bytes()
    _drop_needless_inertia(root, urdf)
    _add_compiler(root)
    return ET.tostring(root, encoding="unicode"), meshes


def _drop_needless_inertia(root: ET.Element, path: Path) -> None:
    """Remove inertias that nothing feels, of what is fixed to the world and of what has no mass:
    MuJoCo would refuse a file for one that no body can have."""
    urdf = check_urdf(root, path)
    still = {part.name for part, _, _ in urdf.rigid_group(urdf.root)}
    for link in root.findall("link"):
        name = link.get("name", "")
        if name in still or urdf.links[name].mass_kg == 0:
            for inertial in link.findall("inertial"):
                link.remove(inertial)


def _only_faces(path: Path) -> bytes:
    """An .obj without materials, normals and textures: MuJoCo reads the first part of many only."""
    kept = []
    for line in path.read_bytes().splitlines():
        words = line.split()
        if words[:1] == [b"v"]:
            kept.append(line)
        elif words[:1] == [b"f"]:
            kept.append(b" ".join([b"f", *(word.split(b"/")[0] for word in words[1:])]))
    return b"\n".join(kept)


def find_mesh(mesh: ET.Element, link: ET.Element, urdf: Path) -> Path:
    """The file of a <mesh>, see `search_mesh`; raises SpecError where it cannot be had."""
    name = mesh.get("filename", "")
    path, why = search_mesh(name, urdf)
    if path is None:
        raise SpecError(
            f"{urdf}: link {link.get('name')!r}: mesh {name!r} {why}, or remove the <visual> and "
            "<collision> that name it (`robot-mbrl new-robot --no-meshes` does): simulation needs "
            "no meshes, pictures do"
        )
    return path


def search_mesh(name: str, urdf: Path) -> tuple[Path | None, str]:
    """A mesh file: relative to the URDF, or package://NAME/... in a folder above it.

    A URDF comes from anywhere, so it may name meshes of its own tree only: its folder, the folder
    above, and for package://NAME the nearest folder above that has this name. Returns None and, in
    words, why and what to do when there is no such file, it lies elsewhere, or it is no mesh.
    """
    if not name.lower().endswith(MESHES):
        return None, f"is no mesh file ({', '.join(MESHES)}); convert it"
    tried = _places(name, urdf.absolute())
    found = [path for path, _ in tried if path.is_file()]
    for path, tree in tried:
        if path.is_file() and path.resolve().is_relative_to(tree.resolve()):
            return path.absolute(), ""
    if found:
        return None, (
            f"lies outside of the URDF's own folders, at {found[0].resolve()}; put a copy into "
            f"{urdf.absolute().parent}"
        )
    return None, f"is not there; put the file at {tried[0][0]}"


def _places(name: str, urdf: Path) -> list[tuple[Path, Path]]:
    """Where a mesh may be, each with the folder that it must not leave."""
    beside, above = urdf.parent, urdf.parent.parent
    if not name.startswith("package://"):
        plain = name.removeprefix("file://")
        return [(beside / plain, above)]
    inside = Path(name.removeprefix("package://"))
    package, rest = inside.parts[0], Path(*inside.parts[1:])
    named = [up for up in urdf.parents if up.name == package][:1]
    places = [(up / rest, up) for up in named]
    return places + [(up / part, above) for up in (above, beside) for part in (rest, inside)]


def _geometry(link: ET.Element) -> list[ET.Element]:
    return [e for e in link if e.tag in GEOMETRY]


def _drawable(element: ET.Element) -> bool:
    """A mesh in a format that MuJoCo reads, or a shape of some size."""
    meshes = [mesh.get("filename", "").lower() for mesh in element.iter("mesh")]
    sizes = [
        float(word)
        for shape in element.findall("geometry/*")
        for key in ("size", "radius", "length")
        for word in shape.get(key, "").split()
    ]
    return all(name.endswith(DRAWABLE) for name in meshes) and all(s > 0 for s in sizes)


def _add_compiler(root: ET.Element) -> None:
    """MuJoCo's own element: names with folders stay whole, geometry stays but weighs nothing."""
    for old in root.findall("mujoco"):
        root.remove(old)
    settings = {"strippath": "false", "discardvisual": "false", "inertiafromgeom": "false"}
    ET.SubElement(ET.SubElement(root, "mujoco"), "compiler", settings)
