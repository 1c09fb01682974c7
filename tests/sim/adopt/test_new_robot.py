"""From a URDF alone to a robot that trains."""

from pathlib import Path

import numpy as np
import pytest

import sim
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError, SettingsError, SpecError
from robot_mbrl.contract.urdf.tree import composite_inertia, read_urdf
from sim.adopt.new_robot import new_robot

INERTIAL = """<inertial><origin xyz="0 0 {c}"/><mass value="{m}"/>
<inertia ixx="{i}" iyy="{i}" izz="{i}" ixy="0" ixz="0" iyz="0"/></inertial>"""
UPPER, FORE = INERTIAL.format(c=0.1, m=0.2, i=7e-4), INERTIAL.format(c=0.08, m=0.1, i=3e-4)
TWO_LINKS = f"""<robot name="two"><link name="base"/><link name="upper">{UPPER}</link>
<link name="fore">{FORE}</link><link name="finger">{FORE}</link>
<joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/>
<origin xyz="0 0 0.1"/><axis xyz="0 1 0"/>
<limit lower="-2" upper="2" effort="1.4" velocity="6"/></joint>
<joint name="elbow" type="continuous"><parent link="upper"/><child link="fore"/>
<origin xyz="0 0 0.2"/><axis xyz="0 1 0"/></joint>
<joint name="grip" type="fixed"><parent link="fore"/><child link="finger"/>
<origin xyz="0 0 0.1"/></joint></robot>"""


@pytest.fixture
def urdf(tmp_path: Path) -> Path:
    path = tmp_path / "two links.urdf"
    path.write_text(TWO_LINKS, encoding="utf-8")
    return path


def test_what_the_urdf_knows_is_taken(urdf: Path, tmp_path: Path) -> None:
    spec = new_robot(urdf, tmp_path / "robot").spec
    assert spec.name == "two_links"
    shoulder, elbow = spec.joints
    assert (shoulder.name, shoulder.position_limit_rad, shoulder.wraps) == (
        "shoulder",
        (-2, 2),
        False,
    )
    assert elbow.wraps
    motor = spec.actuators[0].motor
    assert (motor.torque_limit_nm, motor.no_load_speed_rad_s) == (1.4, 6.0)
    rubs = {j.name: j.friction_nm for j in read_urdf(spec.urdf).moving}
    assert rubs["shoulder"] == pytest.approx(0.02 * 1.4)


def test_what_it_does_not_know_is_guessed_so_that_it_can_hold_itself(
    urdf: Path, tmp_path: Path
) -> None:
    made = new_robot(urdf, tmp_path / "robot")
    elbow = made.joints[1]
    mass, centre, _ = composite_inertia(read_urdf(made.spec.urdf), "fore")
    assert mass == pytest.approx(0.2)
    assert not elbow.effort_known and not elbow.speed_known
    assert elbow.effort_nm > elbow.load_nm
    assert elbow.load_nm == pytest.approx(mass * 9.81 * centre[2], rel=0.05)
    text = (made.spec.folder / "robot.toml").read_text()
    assert "MEASURE: stall torque by data sheet" in text
    assert "from the URDF; its weight asks for" in text


def test_pretrains_on_a_pose_within_its_limits(urdf: Path, tmp_path: Path) -> None:
    made = new_robot(urdf, tmp_path / "robot")
    assert made.spec.task.name == "reach_pose"
    env = sim.make_vec_env(made.spec, 3, threads=1)
    env.reset(seed=0)
    targets = {g.joint.name: g.target_rad for g in made.joints}
    assert dict(env.task.target_rad) == targets  # type: ignore[attr-defined]
    action = np.array([[targets[a.joint] / a.limit for a in made.spec.actuators]] * 3)
    for _ in range(100):
        _, reward, *_ = env.step(action)
    assert (np.abs(env.worlds.true_state()[0] - list(targets.values())) < 0.25).all()
    assert (reward > 0.4).all()


def test_torque_command(urdf: Path, tmp_path: Path) -> None:
    spec = new_robot(urdf, tmp_path / "robot", command="torque").spec
    assert [a.command for a in spec.actuators] == ["torque", "torque"]
    assert spec.actuators[0].limit == 1.4


def test_zero_out_of_reach_starts_in_the_middle(urdf: Path, tmp_path: Path) -> None:
    urdf.write_text(TWO_LINKS.replace('lower="-2" upper="2"', 'lower="-2.6" upper="-0.9"'))
    spec = new_robot(urdf, tmp_path / "robot").spec
    assert spec.joints[0].home_rad == pytest.approx(-1.75, abs=0.06)
    env = sim.make_env(spec, randomize=False)
    env.reset(seed=0)
    for _ in range(20):
        *_, truncated, info = env.step(np.array([-1.75 / 2.6, 0.0]))
        assert not truncated, info


def test_welding_and_guessing_mend_what_is_refused(urdf: Path, tmp_path: Path) -> None:
    broken = TWO_LINKS.replace('ixx="0.0007"', 'ixx="0.1"').replace('"fixed"', '"planar"')
    urdf.write_text(broken)
    with pytest.raises(SpecError, match="--weld grip"):
        new_robot(urdf, tmp_path / "robot")
    with pytest.raises(SpecError, match=r"link 'upper'.*--guess-inertia"):
        new_robot(urdf, tmp_path / "robot", weld=["grip"])
    with pytest.raises(SettingsError, match="--weld grap: no such movable joint; it has: shoulder"):
        new_robot(urdf, tmp_path / "robot", weld=["grap"])
    assert not (tmp_path / "robot").exists()
    made = new_robot(urdf, tmp_path / "robot", weld=["grip"], guess_inertia=True)
    assert any("impossible inertia" in note for note in made.notes)
    assert any("grip" in note for note in made.notes)
    text = (made.spec.folder / "robot.toml").read_text()
    assert made.notes[0] in text
    assert text.count("Changed in the copy of the URDF") == 1


def test_meshes_come_along_or_are_missed(urdf: Path, tmp_path: Path) -> None:
    shape = '<visual><geometry><mesh filename="package://two/parts/arm.obj"/></geometry></visual>'
    urdf.write_text(TWO_LINKS.replace('<link name="upper">', f'<link name="upper">{shape}'))
    with pytest.raises(SpecError, match=r"link 'upper': mesh 'package://two/parts/arm.obj' is not"):
        new_robot(urdf, tmp_path / "robot")
    bare = new_robot(urdf, tmp_path / "bare", meshes=False).spec
    assert "arm.obj" not in bare.urdf.read_text()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "arm.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\n")
    spec = new_robot(urdf, tmp_path / "robot").spec
    assert (spec.folder / "meshes" / "arm.obj").is_file()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("package://etc/secret.txt", "is no mesh file"),
        ("../outside.stl", "lies outside of the URDF's own folders"),
        ("file:///{outside}", "lies outside of the URDF's own folders"),
        ("package://two/link.stl", "lies outside of the URDF's own folders"),
    ],
)
def test_a_urdf_names_no_files_but_meshes_of_its_own_tree(
    tmp_path: Path, name: str, complaint: str
) -> None:
    """A URDF from anywhere must not carry other files of its reader into the robot's folder."""
    urdf = tmp_path / "package" / "two" / "two.urdf"
    urdf.parent.mkdir(parents=True)
    outside = tmp_path / "package" / "two" / ".." / ".." / "outside.stl"
    outside.resolve().write_bytes(b"solid")
    (urdf.parent / "link.stl").symlink_to(outside.resolve())
    name = name.replace("{outside}", str(outside.resolve())).replace("../", "../../")
    shape = f'<visual><geometry><mesh filename="{name}"/></geometry></visual>'
    urdf.write_text(TWO_LINKS.replace('<link name="upper">', f'<link name="upper">{shape}'))
    with pytest.raises(SpecError, match=complaint):
        new_robot(urdf, tmp_path / "robot")
    assert not (tmp_path / "robot").exists()


def test_nothing_is_overwritten(urdf: Path, tmp_path: Path) -> None:
    new_robot(urdf, tmp_path / "robot")
    with pytest.raises(DataError, match="exists already"):
        new_robot(urdf, tmp_path / "robot")


def test_a_robot_without_joints_is_refused(urdf: Path, tmp_path: Path) -> None:
    urdf.write_text('<robot name="stone"><link name="stone"/></robot>')
    with pytest.raises(SpecError, match="nothing to control"):
        new_robot(urdf, tmp_path / "robot")


def test_names_that_need_quotes(urdf: Path, tmp_path: Path) -> None:
    urdf.write_text(TWO_LINKS.replace("shoulder", "left arm/shoulder.1").replace("upper", "u.p"))
    spec = load_robot(new_robot(urdf, tmp_path / "robot").spec.folder)
    assert spec.joints[0].name == "left arm/shoulder.1"
    assert "links.u.p.mass" in spec.randomization


CART_POLE = f"""<robot name="cart_pole"><link name="rail"/>
<link name="cart">{INERTIAL.format(c=0.0, m=0.5, i=1e-3)}</link>
<link name="pole">{INERTIAL.format(c=-0.2, m=0.1, i=1.4e-3)}</link>
<joint name="slide" type="prismatic"><parent link="rail"/><child link="cart"/>
<axis xyz="1 0 0"/><limit lower="-0.4" upper="0.4" effort="8" velocity="2"/>
<dynamics damping="0.5" friction="0.3"/></joint>
<joint name="pole" type="continuous"><parent link="cart"/><child link="pole"/>
<axis xyz="0 1 0"/></joint></robot>"""


@pytest.mark.parametrize(("command", "unit"), [("position", "m"), ("torque", "N")])
def test_a_cart_slides_and_its_pole_has_no_motor(
    command: str, unit: str, urdf: Path, tmp_path: Path
) -> None:
    urdf.write_text(CART_POLE)
    made = new_robot(urdf, tmp_path / "robot", command=command, passive=["pole"])
    slide, pole = made.spec.joints
    assert (slide.kind, slide.position_limit_rad) == ("slide", (-0.4, 0.4))
    assert (pole.kind, pole.wraps, pole.home_rad) == ("hinge", True, 0.0)
    [motor] = made.spec.actuators
    assert (motor.joint, motor.unit, motor.latency_ms) == ("slide", unit, {"m": 10, "N": 5}[unit])
    assert dict(made.spec.task.parameters)["target_m"] == {"slide": pytest.approx(0.1)}
    assert "target_rad" not in made.spec.task.parameters
    falling = 2 * np.sqrt(0.1 * 9.81 * 0.2 / (1.4e-3 + 0.1 * 0.04))
    assert pole.velocity_limit_rad_s > 1.5 * falling
    rubs = {j.name: j.friction_nm for j in read_urdf(made.spec.urdf).moving}
    assert rubs == {"slide": 0.3, "pole": pytest.approx(0.005 * 0.1 * 9.81 * 0.2, rel=0.1)}
    assert not [path for path in made.spec.randomization if "actuators.pole" in path]


def test_a_pole_that_stands_at_zero_is_at_home_where_it_hangs(urdf: Path, tmp_path: Path) -> None:
    urdf.write_text(CART_POLE.replace('xyz="0 0 -0.2"', 'xyz="0 0 0.2"'))
    spec = new_robot(urdf, tmp_path / "robot", passive=["pole"]).spec
    assert abs(spec.joints[1].home_rad) == pytest.approx(np.pi, abs=0.05)


def test_joints_without_a_motor_exist_and_are_not_all(urdf: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="--passive pole: no such movable joint; it has: should"
    ):
        new_robot(urdf, tmp_path / "robot", passive=["pole"])
    with pytest.raises(SettingsError, match="no joint is left that has a motor"):
        new_robot(urdf, tmp_path / "robot", passive=["shoulder", "elbow"])
    assert not (tmp_path / "robot").exists()


def test_a_slider_and_hinges_side_by_side(urdf: Path, tmp_path: Path) -> None:
    """Each kind has its own limits, tolerances, gains and targets, and the folder pretrains."""
    lift = '<limit lower="0" upper="0.3" effort="0" velocity="0"/>'
    text = TWO_LINKS.replace('name="grip" type="fixed"', 'name="grip" type="prismatic"')
    urdf.write_text(
        text.replace('xyz="0 0 0.1"/></joint></robot>', f'xyz="0 0 0.1"/>{lift}</joint></robot>')
    )
    made = new_robot(urdf, tmp_path / "robot")
    grip = made.joints[2]
    assert (grip.scale.unit, grip.effort_known, grip.home_rad) == ("m", False, 0.15)
    assert grip.effort_nm > grip.load_nm
    assert (
        made.spec.safety.margin(made.spec.joints[2]),
        made.spec.safety.margin(made.spec.joints[0]),
    ) == (0.01, 0.1)
    assert set(made.spec.task.parameters) >= {"target_rad", "target_m", "tolerance_m"}
    env = sim.make_vec_env(made.spec, 3, threads=1)
    env.reset(seed=0)
    targets = {**env.task.target_rad, **env.task.target_m}  # type: ignore[attr-defined]
    action = np.array([[targets[a.joint] / a.limit for a in made.spec.actuators]] * 3)
    for _ in range(200):
        _, reward, *_ = env.step(action)
    far = np.abs(env.worlds.true_state()[0] - [targets[j.name] for j in made.spec.joints])
    assert (far < [0.25, 0.25, 0.025]).all()
    assert (reward > 0.4).all()
