"""Nothing that only xacro understands is dropped in silence."""

from pathlib import Path

import pytest

from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.urdf.tree import read_urdf

NAMESPACE = 'xmlns:xacro="http://www.ros.org/wiki/xacro"'


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ('<xacro:include filename="arm.xacro"/>', "<xacro:include>"),
        ('<xacro:property name="l" value="1"/><xacro:arm/>', "<xacro:property>, <xacro:arm>"),
        ('<include filename="arm.xacro"/>', "<include>"),
        ('<link name="a"><visual><origin xyz="${l} 0 0"/></visual></link>', r"\$\{l\} 0 0"),
        ('<joint name="j"><origin rpy="$(optenv RPY 0)"/></joint>', r"\$\(optenv RPY 0\)"),
    ],
)
def test_what_xacro_would_expand_is_named(inside: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "arm.urdf"
    path.write_text(f'<robot name="a" {NAMESPACE}><link name="base"/>{inside}</robot>')
    with pytest.raises(SpecError, match=f"holds xacro.*{message}.*new-robot arm.urdf"):
        read_urdf(path)


def test_a_namespace_alone_and_what_other_programs_read_are_no_xacro(tmp_path: Path) -> None:
    path = tmp_path / "arm.urdf"
    more = '<gazebo><plugin value="${x}"/></gazebo>'
    path.write_text(f'<robot name="a" {NAMESPACE}><link name="base"/>{more}</robot>')
    assert read_urdf(path).root == "base"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n<?xml version='1.0'?><robot/>", "nothing may stand before"),
        ("<robot><xacro:include/></robot>", "unbound prefix.*declare the prefix"),
        ("<?xml version='1.0' encoding='klingon'?><robot/>", "not valid XML.*klingon"),
    ],
)
def test_what_is_no_xml_says_what_to_try(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "arm.urdf").write_text(text)
    with pytest.raises(SpecError, match=message):
        read_urdf(tmp_path / "arm.urdf")
