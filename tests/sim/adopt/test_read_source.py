"""Dialects: xacro is expanded or refused, never dropped; Drake's world is declared."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.dom import minidom

import pytest

from robot_mbrl.contract.errors import SpecError
from sim.adopt.new_robot import new_robot
from sim.adopt.read_source import read_source
from tests.sim.adopt.test_placeholders import ARM

NAMESPACE = 'xmlns:xacro="http://www.ros.org/wiki/xacro"'
INCLUDING = ARM.replace(
    '<robot name="mini">',
    f'<robot name="mini" {NAMESPACE}><xacro:include filename="tool.xacro"/>'
    '<xacro:property name="reach" value="${2 * 0.1}"/>',
).replace('xyz="0 0 -0.2"', 'xyz="0 0 -${reach}"')
TOOL = f"""<robot {NAMESPACE}><link name="tool"/><joint name="grip" type="fixed">
<parent link="b"/><child link="tool"/></joint></robot>"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "arm.urdf.xacro"
    path.write_text(INCLUDING)
    (tmp_path / "tool.xacro").write_text(TOOL)
    return path


def test_without_the_package_it_says_what_to_install(
    source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "xacro", None)
    with pytest.raises(SpecError, match=r"xacro \(<xacro:include>, .*pip install '\.\[xacro\]'"):
        new_robot(source, tmp_path / "robot")
    plain = tmp_path / "plain.urdf.xacro"
    plain.write_text(ARM)
    with pytest.raises(SpecError, match=r"is xacro \(by its name\).*pip install"):
        new_robot(plain, tmp_path / "robot")


def test_with_the_package_includes_and_expressions_are_expanded(source: Path) -> None:
    pytest.importorskip("xacro")
    root, notes = read_source(source)
    assert {link.get("name") for link in root.findall("link")} == {"base", "a", "b", "tool"}
    assert [o.get("xyz") for o in root.findall("joint/origin")] == ["0 0 -0.2"]
    assert notes == ["xacro expanded"]
    (source.parent / "tool.xacro").unlink()
    with pytest.raises(SpecError, match=r"xacro cannot expand it: .*tool\.xacro"):
        read_source(source)


def stands_for_xacro(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    monkeypatch.setitem(sys.modules, "xacro", SimpleNamespace(process_file=answer))


def test_what_the_package_leaves_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_for_xacro(monkeypatch, lambda path: minidom.parse(path))
    with pytest.raises(SpecError, match="holds xacro"):
        read_source(source)


def test_an_expanded_robot_is_built_under_its_plain_name(
    source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stands_for_xacro(monkeypatch, lambda path: minidom.parseString(ARM))
    made = new_robot(source, tmp_path / "robot")
    assert made.spec.name == "arm"
    assert made.spec.urdf.name == "arm.urdf"
    assert made.notes[0] == "xacro expanded"


def test_what_the_package_complains_about_is_one_message(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(path: str) -> None:
        raise ModuleNotFoundError("No module named 'ament_index_python'")

    stands_for_xacro(monkeypatch, find)
    with pytest.raises(SpecError, match=r"cannot expand it: .*ament.*a shell in which ROS and"):
        read_source(source)


def test_drakes_world_becomes_a_link_of_the_copy(tmp_path: Path) -> None:
    weld = '<joint name="w" type="fixed"><parent link="world"/><child link="base"/></joint></robot>'
    path = tmp_path / "mini.urdf"
    path.write_text(ARM.replace("</robot>", weld))
    made = new_robot(path, tmp_path / "robot")
    assert '<link name="world"' in made.spec.urdf.read_text()
    assert any("'world' declared" in note for note in made.notes)
