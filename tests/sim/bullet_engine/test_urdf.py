"""The URDF that PyBullet gets: scaled as physics says, refused where it is no mechanism."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from sim import make_env
from sim.bullet_engine.urdf import UrdfWriter
from tests.support.robots import FURUTA_URDF, furuta_toml, write_robot


def test_nominal_parameters_change_no_number(furuta: RobotSpec) -> None:
    text = UrdfWriter(furuta).write(furuta.nominal)
    root, original = ET.fromstring(text), ET.fromstring(FURUTA_URDF)
    link = "link[@name='pendulum']/inertial/"
    for path in (link + "mass", link + "inertia", "joint/axis", "joint/limit"):
        for got, want in zip(root.findall(path), original.findall(path), strict=True):
            for key, value in want.items():
                fields = zip(got.get(key, "").split(), value.split(), strict=True)
                assert all(float(a) == float(b) for a, b in fields)
    assert not list(root.iter("visual"))
    assert not list(root.iter("dynamics"))


def test_inertia_follows_mass_and_length_and_joints_follow_length(furuta: RobotSpec) -> None:
    values = furuta.nominal | {"links.arm.mass": 1.5, "links.arm.length": 2.0}
    root = ET.fromstring(UrdfWriter(furuta).write(values))
    arm = next(link for link in root.iter("link") if link.get("name") == "arm")
    inertia, mass, centre = arm.find(".//inertia"), arm.find(".//mass"), arm.find(".//origin")
    assert inertia is not None and mass is not None and centre is not None
    assert float(inertia.get("izz", "")) == pytest.approx(5.7198e-5 * 1.5 * 4.0)
    assert float(mass.get("value", "")) == pytest.approx(0.095 * 1.5)
    assert centre.get("xyz") == "0.085 0.0 0.0"
    places = {j.get("name"): j.find("origin") for j in root.iter("joint")}
    assert places["pendulum"] is not None and places["arm"] is not None
    assert places["pendulum"].get("xyz") == "0.17 0.0 0.0"  # of the arm's end, carries the pendulum
    assert places["arm"].get("xyz") == "0.0 0.0 0.2"


def test_what_is_fixed_to_a_link_is_scaled_with_it(tmp_path: Path) -> None:
    """The pendulum's body as a part of its own weighs and swings as the pendulum in one piece."""
    from sim.bullet_engine.physics import BulletPhysics

    at = FURUTA_URDF.index("<inertial>", FURUTA_URDF.index('<link name="pendulum">'))
    body = FURUTA_URDF[at : FURUTA_URDF.index("</inertial>", at) + 11]
    glued = f"""<link name="body">{body}</link><joint name="glue" type="fixed">
    <parent link="pendulum"/><child link="body"/></joint></robot>"""
    two = FURUTA_URDF[:at] + FURUTA_URDF[at + len(body) :]
    matrices = []
    for text in (FURUTA_URDF, two.replace("</robot>", glued)):
        spec = load_robot(write_robot(tmp_path / str(len(text)), furuta_toml(), text))
        scales = {"links.pendulum.mass": 1.3, "links.pendulum.length": 0.7}
        values = {path: np.array([x]) for path, x in (spec.nominal | scales).items()}
        physics = BulletPhysics(spec, 1)
        physics.reset(values, np.arange(1))
        matrices.append(physics.mass_matrix(0))
        physics.close()
    np.testing.assert_allclose(matrices[1], matrices[0], rtol=1e-6)


def test_what_is_no_mechanism_is_refused_before_any_engine(tmp_path: Path) -> None:
    broken = FURUTA_URDF.replace('<mass value="0.024"/>', '<mass value="-1"/>')
    folder = write_robot(tmp_path, furuta_toml() | {"randomization": {}}, broken)
    with pytest.raises(SpecError, match="link 'pendulum': <mass> is -1 kg"):
        make_env(folder, backend="pybullet")


def test_pybullet_holds_the_moments_of_a_turned_inertia(tmp_path: Path) -> None:
    """PyBullet diagonalizes a full tensor by itself; its result is checked against numpy's."""
    from sim.bullet_engine.physics import BulletPhysics

    turned = FURUTA_URDF.replace(
        'ixx="3.3282e-5" iyy="3.3282e-5" izz="2.5e-7" ixy="0" ixz="0" iyz="0"',
        'ixx="3.3e-5" iyy="2.4e-5" izz="1.6e-5" ixy="4e-6" ixz="-3e-6" iyz="2e-6"',
    )
    spec = load_robot(write_robot(tmp_path, furuta_toml(), turned))
    tensor = [[3.3e-5, 4e-6, -3e-6], [4e-6, 2.4e-5, 2e-6], [-3e-6, 2e-6, 1.6e-5]]
    physics = BulletPhysics(spec, 1)
    found = physics.describe(0)["links"]["pendulum"]["moments_kg_m2"]
    np.testing.assert_allclose(np.sort(found), np.linalg.eigvalsh(tensor), rtol=1e-4)
    hanging = physics.mass_matrix(0)
    assert hanging[1, 1] == pytest.approx(3.3e-5 + 0.024 * 0.0645**2, rel=1e-4)
    physics.close()
