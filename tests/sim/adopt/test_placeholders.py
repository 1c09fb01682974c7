"""Numbers that stand in a URDF only because something has to are not built upon."""

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract.urdf.tree import read_urdf
from sim.adopt.believable_motor import believe_motors
from sim.adopt.new_robot import NewRobot, new_robot
from sim.adopt.placeholder_limits import mend_limits

INERTIAL = """<inertial><origin xyz="0 0 -0.1"/><mass value="0.2"/>
<inertia ixx="7e-4" iyy="7e-4" izz="2e-5" ixy="0" ixz="0" iyz="0"/></inertial>"""
ARM = f"""<robot name="mini"><link name="base"/><link name="a">{INERTIAL}</link>
<link name="b">{INERTIAL}</link>
<joint name="j1" type="revolute"><parent link="base"/><child link="a"/><axis xyz="0 1 0"/>
<limit lower="-1.5" upper="1.5" effort="1" velocity="6"/></joint>
<joint name="j2" type="revolute"><parent link="a"/><child link="b"/><origin xyz="0 0 -0.2"/>
<axis xyz="0 1 0"/><limit lower="-1.5" upper="1.5" effort="1" velocity="6"/></joint></robot>"""


def adopted(tmp_path: Path, text: str, name: str = "mini") -> NewRobot:
    path = tmp_path / f"{name}.urdf"
    path.write_text(text, encoding="utf-8")
    return new_robot(path, tmp_path / name)


def with_limits(low: str, high: str) -> ET.Element:
    return ET.fromstring(ARM.replace('"-1.5" upper="1.5"', f'"{low}" upper="{high}"'))


@pytest.mark.parametrize(("low", "high"), [("-90", "90"), ("0", "180"), ("-360", "360")])
def test_degrees_are_taken_for_degrees(low: str, high: str) -> None:
    root = with_limits(low, high)
    assert all("degrees" in said for said in mend_limits(root).values())
    limits = [[float(e.get(k, "nan")) for k in ("lower", "upper")] for e in root.iter("limit")]
    np.testing.assert_allclose(limits, np.radians([[float(low), float(high)]] * 2), atol=1e-5)


def test_numbers_that_mean_none_are_no_limits() -> None:
    root = with_limits("-1e16", "1e16")
    assert set(mend_limits(root)) == {"j1", "j2"}
    assert [j.get("type") for j in root.findall("joint")] == ["continuous"] * 2


@pytest.mark.parametrize(("low", "high"), [("-6.2832", "6.2832"), ("0", "12.5"), ("-0.1", "0.1")])
def test_turns_in_rad_stay(low: str, high: str) -> None:
    root = with_limits(low, high)
    before = ET.tostring(root)
    assert mend_limits(root) == {}
    assert ET.tostring(root) == before


def test_mended_limits_are_marked_and_hold_in_both_files(tmp_path: Path) -> None:
    made = adopted(tmp_path, ARM.replace('"-1.5" upper="1.5"', '"-90" upper="90"'))
    text = (made.spec.folder / "robot.toml").read_text()
    assert text.count("# MEASURE: the URDF's limits of -90 to 90 rad taken for degrees") == 2
    assert made.spec.joints[0].position_limit_rad == pytest.approx(
        (-math.pi / 2, math.pi / 2), abs=1e-4
    )
    assert read_urdf(made.spec.urdf).moving[0].limit_rad[1] == pytest.approx(math.pi / 2, abs=1e-4)
    assert any("taken for degrees" in note for note in made.notes)
    endless = adopted(tmp_path, ARM.replace('"-1.5" upper="1.5"', '"-1e16" upper="1e16"'), "free")
    assert [j.wraps for j in endless.spec.joints] == [True, True]
    assert "wraps = true    # MEASURE" in (endless.spec.folder / "robot.toml").read_text()


@pytest.mark.parametrize(
    "limits",
    ['effort="35" velocity="6"', 'effort="1000" velocity="6"', 'effort="1" velocity="1000"',
     'effort="35" velocity="1000"', 'effort="1e16" velocity="1e16"', 'effort="0" velocity="0"'],
)  # fmt: skip
def test_no_number_of_the_robot_comes_from_a_placeholder(limits: str, tmp_path: Path) -> None:
    honest = adopted(tmp_path, ARM, "honest")
    made = adopted(tmp_path, ARM.replace('effort="1" velocity="6"', limits), "placeholder")
    for g, h in zip(made.joints, honest.joints, strict=True):
        # of the honest robot's order: a motor that carries it and is no crane
        assert 0.2 < g.effort_nm / h.effort_nm < 5
        assert g.speed_rad_s == h.speed_rad_s
        assert 0.2 < g.rotor_kg_m2 / h.rotor_kg_m2 < 5
        assert 0.2 < g.friction_nm / h.friction_nm < 5
        assert 0.2 < g.stiffness_nm_rad / h.stiffness_nm_rad < 5
    friction = [j.friction_nm for j in read_urdf(made.spec.urdf).moving]
    assert friction == pytest.approx([g.friction_nm for g in made.joints])
    for joint, other in zip(made.spec.joints, honest.spec.joints, strict=True):
        assert joint.velocity_limit_rad_s == other.velocity_limit_rad_s
    text = (made.spec.folder / "robot.toml").read_text()
    if "1000" in limits or "35" in limits:
        assert "is a placeholder" in text
        assert any("taken for a placeholder" in note for note in made.notes)


def test_a_number_is_judged_by_weight_and_size(tmp_path: Path) -> None:
    """35 N m are a crane for 0.4 kg and little for 8 kg."""
    text = ARM.replace('effort="1"', 'effort="35"')
    (tmp_path / "light.urdf").write_text(text)
    heavy = text.replace('mass value="0.2"', 'mass value="8"')
    (tmp_path / "heavy.urdf").write_text(heavy)
    light = believe_motors(read_urdf(tmp_path / "light.urdf"))
    assert all(math.isnan(m.effort_nm) for m in light.values())
    strong = believe_motors(read_urdf(tmp_path / "heavy.urdf"))
    assert [m.effort_nm for m in strong.values()] == [35, 35]


def test_a_number_copied_from_joint_to_joint_is_one_placeholder(tmp_path: Path) -> None:
    """7 N m would do for the shoulder; at the wrist it is none, so nobody chose it."""
    (tmp_path / "arm.urdf").write_text(ARM.replace('effort="1"', 'effort="7"'))
    motors = believe_motors(read_urdf(tmp_path / "arm.urdf"))
    assert math.isnan(motors["j1"].effort_nm)
    other = ARM.replace('effort="1"', 'effort="7"', 1)
    (tmp_path / "other.urdf").write_text(other)
    assert believe_motors(read_urdf(tmp_path / "other.urdf"))["j1"].effort_nm == 7


def test_command_speed_by_no_load_speed_and_reach(tmp_path: Path) -> None:
    made = adopted(tmp_path, ARM)
    assert [a.command_speed_rad_s for a in made.spec.actuators] == [2.0, 2.0]
    slow = adopted(tmp_path, ARM.replace('velocity="6"', 'velocity="1"'), "slow")
    assert [a.command_speed_rad_s for a in slow.spec.actuators] == [0.5, 0.5]
    long = ARM.replace('xyz="0 0 -0.2"', 'xyz="0 0 -1.8"')
    made = adopted(tmp_path, long, "long")
    assert made.spec.actuators[0].command_speed_rad_s == pytest.approx(0.5)  # 1 m/s at 2 m
    assert made.spec.safety.ramp_s == 0.5
