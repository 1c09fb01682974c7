"""What a URDF must hold, and composite bodies against closed forms."""

import math
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.urdf.elements import rotation
from robot_mbrl.contract.urdf.tree import composite_inertia, read_urdf

BALL = """<inertial><origin xyz="0 0 -0.1"/><mass value="0.5"/>
<inertia ixx="2e-3" iyy="2e-3" izz="1e-3" ixy="0" ixz="0" iyz="0"/></inertial>"""
ARM = f"""<robot name="arm"><link name="base"/><link name="upper">{BALL}</link>
<link name="fore">{BALL}</link>
<joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/>
<axis xyz="0 2 0"/><limit lower="-1" upper="2" effort="3" velocity="4"/></joint>
<joint name="elbow" type="continuous"><parent link="upper"/><child link="fore"/>
<origin xyz="0 0 -0.2"/><axis xyz="1 0 0"/><dynamics damping="0.1" friction="0.2"/></joint>
</robot>"""
THIRD = """<joint name="third" type="fixed"><parent link="{}"/><child link="{}"/></joint></robot>"""


def write(folder: Path, text: str) -> Path:
    path = folder / "arm.urdf"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_the_file_says_is_read(tmp_path: Path) -> None:
    urdf = read_urdf(write(tmp_path, ARM))
    shoulder, elbow = urdf.moving
    assert urdf.root == "base"
    assert (shoulder.limit_rad, shoulder.effort_nm, shoulder.velocity_rad_s) == ((-1, 2), 3, 4)
    np.testing.assert_allclose(shoulder.axis, [0, 1, 0])
    assert (elbow.damping_nm_s_rad, elbow.friction_nm) == (0.1, 0.2)
    assert all(math.isnan(x) for x in (*elbow.limit_rad, elbow.effort_nm))
    np.testing.assert_allclose(elbow.origin_m, [0, 0, -0.2])


def test_a_prismatic_joint_slides_between_ends_in_metres(tmp_path: Path) -> None:
    text = ARM.replace('"revolute"', '"prismatic"')
    shoulder, elbow = read_urdf(write(tmp_path, text)).moving
    assert shoulder.slides and shoulder.limit_rad == (-1, 2)
    assert not elbow.slides
    for old, new, message in (
        ('upper="2"', 'upper="-1"', "joint 'shoulder': <limit> lower -1 is not below upper -1 m"),
        ('<limit lower="-1" upper="2" effort="3" velocity="4"/>', "", "a prismatic joint needs a"),
        ('<axis xyz="0 2 0"/>', '<axis xyz="0 0 0"/>', "joint 'shoulder': <axis> has no direction"),
    ):
        assert old in text
        with pytest.raises(SpecError, match=message):
            read_urdf(write(tmp_path, text.replace(old, new)))


def test_rotation_is_yaw_pitch_roll() -> None:
    quarter = math.pi / 2
    rolled = rotation(np.array([quarter, 0, 0])) @ [0, 1, 0]
    np.testing.assert_allclose(rolled, [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(
        rotation(np.array([0, quarter, 0])) @ [1, 0, 0], [0, 0, -1], atol=1e-9
    )
    turned = rotation(np.array([quarter, 0, quarter])) @ [0, 1, 0]
    np.testing.assert_allclose(turned, [0, 0, 1], atol=1e-9)


def test_two_halves_fixed_together_weigh_as_the_whole_rod(tmp_path: Path) -> None:
    """Rods of m and l side by side, the second turned about: 2 m (2 l)^2 / 12 about the middle."""
    m, length = 0.3, 0.2
    across = m * length**2 / 12
    half = f"""<inertial><origin xyz="0 0 {length / 2}"/><mass value="{m}"/>
    <inertia ixx="{across}" iyy="{across}" izz="1e-6" ixy="0" ixz="0" iyz="0"/></inertial>"""
    text = f"""<robot name="rod"><link name="base"/><link name="a">{half}</link>
    <link name="b">{half}</link><link name="mark"><inertial><mass value="0"/>
    <inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
    <joint name="turn" type="continuous"><parent link="base"/><child link="a"/></joint>
    <joint name="glue" type="fixed"><parent link="a"/><child link="b"/>
    <origin rpy="{math.pi} 0 0"/></joint>
    <joint name="tip" type="fixed"><parent link="b"/><child link="mark"/></joint></robot>"""
    mass, centre, inertia = composite_inertia(read_urdf(write(tmp_path, text)), "a")
    whole = 2 * m * (2 * length) ** 2 / 12
    assert mass == pytest.approx(2 * m)
    np.testing.assert_allclose(centre, 0, atol=1e-12)
    np.testing.assert_allclose(np.diag(inertia), [whole, whole, 2e-6], rtol=1e-9)


NO_MASS = "link 'fore': no mass, but joint 'elbow' moves it; give it an <inertial>"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f'<link name="fore">{BALL}', '<link name="fore">', NO_MASS),
        (f'"fore">{BALL}', '"fore"><inertial/>', "link 'fore': <mass> is nan"),
        ('value="0.5"', 'value="-0.5"', "link 'upper': <mass> is -0.5 kg; expected a positive"),
        ('ixx="2e-3"', 'ixx="-2e-3"', "principal moments -0.002.*--guess-inertia"),
        ('izz="1e-3"', 'izz="9e-3"', "link 'upper'.*two smaller ones add up to the largest"),
        ('ixx="2e-3"', 'ixx="heavy"', "link 'upper': <inertia> ixx: expected a finite number, got"),
        ('ixx="2e-3"', 'ixx="inf"', "link 'upper': <inertia> ixx: expected a finite number"),
        ("</robot>", THIRD.format("fore", "upper"), "joint 'third': link 'upper' already hangs on"),
        ("</robot>", THIRD.format("fore", "base"), "closes the loop .*base.*remove one joint"),
        ("</robot>", '<link name="lost"/></robot>', "'base', 'lost' have no parent.*one root"),
        ("</robot>", THIRD.format("fore", "hand"), "names link 'hand'; the file has: base, upper"),
        ('"revolute"', '"planar"', "joint 'shoulder': type 'planar'.*--weld shoulder"),
        ('"revolute"', '"spherical"', "joint 'shoulder': type 'spherical'.*--weld shoulder"),
        ('"1 0 0"/>', '"1 0 0"/><mimic joint="shoulder"/>', "mimics joint 'shoulder'"),
        ('<axis xyz="0 2 0"/>', '<axis xyz="0 0 0"/>', "joint 'shoulder': <axis> has no direction"),
        ('lower="-1" upper="2"', 'lower="2" upper="-1"', "lower 2 is not below upper -1 rad; swap"),
        ('<limit lower="-1" upper="2" effort="3" velocity="4"/>', "", "needs a <limit>"),
        ('damping="0.1"', 'damping="-0.1"', "joint 'elbow': <dynamics> damping and friction must"),
        ('name="elbow"', 'name="shoulder"', "joint 'shoulder': expected a name that no other"),
        ("<robot", "<mujoco", "not valid XML"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_named(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in ARM
    path = write(tmp_path, ARM.replace(old, new, 1))
    with pytest.raises(SpecError, match=message) as caught:
        read_urdf(path)
    assert str(path) in str(caught.value)


def test_another_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="root element is <robot>; got <mujoco>; convert MJCF"):
        read_urdf(write(tmp_path, "<mujoco/>"))
    with pytest.raises(SpecError, match="no <link>"):
        read_urdf(write(tmp_path, "<robot/>"))
    with pytest.raises(SpecError, match="no such URDF"):
        read_urdf(tmp_path / "none.urdf")


def test_one_remedy_names_all_joints_it_is_for(tmp_path: Path) -> None:
    text = ARM.replace('"revolute"', '"planar"').replace('"continuous"', '"floating"')
    with pytest.raises(SpecError, match="--weld shoulder elbow"):
        read_urdf(write(tmp_path, text))


def test_all_problems_of_a_file_stand_in_one_message(tmp_path: Path) -> None:
    text = (
        ARM.replace('ixx="2e-3"', 'ixx="heavy"', 1)
        .replace('ixx="2e-3"', 'ixx="9e-3"')
        .replace('"revolute"', '"spherical"')
        .replace('damping="0.1"', 'damping="-0.1"')
        .replace("</robot>", '<link name="lost"/></robot>')
    )
    with pytest.raises(SpecError) as caught:
        read_urdf(write(tmp_path, text))
    told = str(caught.value)
    assert "5 problems" in told
    for part in ("upper", "heavy", "fore", "principal moments", "spherical", "damping", "'lost'"):
        assert part in told
    assert "new-robot --weld shoulder --guess-inertia`: --weld makes joints fixed" in told
    assert "the rest has to be corrected in the file" in told


def test_what_many_elements_share_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="links 'upper', 'fore': <inertia> has") as caught:
        read_urdf(write(tmp_path, ARM.replace('izz="1e-3"', 'izz="9e-3"')))
    assert str(caught.value).count("principal moments") == 1


def test_a_joint_that_moves_nothing_is_named_once_where_its_link_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read_urdf(write(tmp_path, ARM.replace('value="0.5"', 'value="-0.5"', 1)))
    assert "no mass" not in str(caught.value)


def test_elements_that_stand_twice_are_named(tmp_path: Path) -> None:
    twice = ARM.replace('<axis xyz="0 2 0"/>', '<axis xyz="0 2 0"/><axis xyz="1 0 0"/>')
    with pytest.raises(SpecError, match="joint 'shoulder': more than one <axis>; keep one"):
        read_urdf(write(tmp_path, twice))


def test_limits_that_are_not_there_are_not_taken_for_zero(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"joint 'shoulder': .* needs a <limit> with lower and up"):
        read_urdf(write(tmp_path, ARM.replace('lower="-1" upper="2"', "")))


def test_an_impossible_inertia_fixed_to_another_is_named_and_the_root_has_none(
    tmp_path: Path,
) -> None:
    """Nothing moves the root, so its inertia is nobody's concern."""
    bad = BALL.replace('izz="1e-3"', 'izz="9e-3"')
    tool = f'<link name="tool">{bad}</link>' + THIRD.format("fore", "tool")
    with pytest.raises(SpecError, match=r"link 'tool': <inertia> .*--guess-inertia"):
        read_urdf(write(tmp_path, ARM.replace("</robot>", tool)))
    rooted = ARM.replace('<link name="base"/>', f'<link name="base">{bad}</link>')
    assert read_urdf(write(tmp_path, rooted)).root == "base"
    point = BALL.replace('"2e-3"', '"0"').replace('"1e-3"', '"0"')
    tool = f'<link name="tool">{point}</link>' + THIRD.format("fore", "tool")
    assert len(read_urdf(write(tmp_path, ARM.replace("</robot>", tool))).links) == 4


def test_a_world_that_nobody_declared(tmp_path: Path) -> None:
    welded = ARM.replace("</robot>", THIRD.format("world", "base"))
    urdf = read_urdf(write(tmp_path, welded))
    assert urdf.root == "world"
    assert urdf.links["world"].mass_kg == 0
