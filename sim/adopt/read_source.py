"""The XML of anybody's robot file: a URDF as it is, xacro expanded by the package of that name."""

import contextlib
import io
import xml.etree.ElementTree as ET
from pathlib import Path

from robot_mbrl.contract.errors import SpecError, how_to_install
from robot_mbrl.contract.urdf.dialects import declare_world, refuse_xacro, xacro_parts
from robot_mbrl.contract.urdf.tree import parse_any_xml

WORLD_NOTE = "link 'world' declared, on which joints hang (Drake knows it without)"


def read_source(path: Path) -> tuple[ET.Element, list[str]]:
    """A robot file as one URDF, and what was changed, for people. Raises SpecError."""
    root, notes = parse_any_xml(path), []
    parts = xacro_parts(root)
    if parts or path.suffix == ".xacro":
        root = expand_xacro(path, parts)
        notes.append("xacro expanded")
    if declare_world(root):
        notes.append(WORLD_NOTE)
    return root, notes


def expand_xacro(path: Path, parts: list[str]) -> ET.Element:
    """What the package xacro makes of a file, which evaluates the expressions in it.

    Args:
        path: the file.
        parts: what only xacro understands in it, for the message.

    Raises SpecError without the package, or for what it refuses.
    """
    try:
        import xacro
    except ModuleNotFoundError as error:
        raise SpecError(
            f"{path}: is xacro ({', '.join(parts) or 'by its name'}), which the package xacro "
            f"expands: {how_to_install('xacro')}"
        ) from error
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            document = xacro.process_file(str(path))
        root = ET.fromstring(document.toxml())
    except Exception as error:  # xacro raises what the file's expressions raise
        raise SpecError(f"{path}: xacro cannot expand it: {_reason(error)}") from error
    refuse_xacro(root, path)
    return root


def _reason(error: Exception) -> str:
    """What xacro complains about, with what to do where a ROS package is looked for."""
    text = " ".join((str(error) or repr(error)).split())
    if "ament_index" in text or "PackageNotFound" in type(error).__name__:
        return (
            f"{text}. $(find PACKAGE) needs a shell in which ROS and that package are sourced; or "
            "write the path instead"
        )
    return text
