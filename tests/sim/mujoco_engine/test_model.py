"""The compiled robot against closed forms of mechanics and of the DC motor."""

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from sim import mujoco_model
from tests.support.robots import FURUTA_URDF, furuta_toml, one_joint, quiet, write_robot

G = 9.81
M, L, I_COM = 0.3, 0.11, 4e-4  # a body whose centre of mass is L below its axle
HANGING = f"""<origin xyz="0 0 {-L}"/><mass value="{M}"/>
<inertia ixx="{I_COM}" iyy="{I_COM}" izz="1e-5" ixy="0" ixz="0" iyz="0"/>"""
INERTIA = I_COM + M * L**2
J = 1e-4  # the wheel of `one_joint`
K, R = 0.042, 8.4


def run(model: mujoco.MjModel, data: mujoco.MjData, seconds: float) -> np.ndarray:
    """Positions and velocities after each step, (T, 2, nv)."""
    out = []
    for _ in range(round(seconds / model.opt.timestep)):
        mujoco.mj_step(model, data)
        out.append((data.qpos.copy(), data.qvel.copy()))
    return np.array(out)


def period_s(angle: np.ndarray, dt: float) -> float:
    """Mean time between upward zero crossings, each found by linear interpolation."""
    at = np.flatnonzero((angle[:-1] < 0) & (angle[1:] >= 0))
    crossings = (at - angle[at] / (angle[at + 1] - angle[at])) * dt
    return float(np.diff(crossings).mean())


def test_small_swing_has_the_period_of_a_compound_pendulum(tmp_path: Path) -> None:
    spec = one_joint(tmp_path, inertia=HANGING, axis="1 0 0", command="torque", rotor=2e-4)
    model = mujoco_model(spec)
    data = mujoco.MjData(model)
    data.qpos[0] = 0.02
    motion = run(model, data, 5.0)
    expected = 2 * math.pi * math.sqrt((INERTIA + 2e-4) / (M * G * L))
    assert period_s(motion[:, 0, 0], 1e-3) == pytest.approx(expected, rel=1e-3)


def test_furuta_with_a_heavy_arm_swings_like_a_rod(furuta: RobotSpec) -> None:
    """A rod about its end: I = m l^2 / 3, m g l / 2; the rod's thickness adds 0.2 % to I."""
    still = {f"joints.{j}.{k}": 0.0 for j in ("arm", "pendulum") for k in ("damping", "friction")}
    model = mujoco_model(furuta, still | {"links.arm.mass": 1e6}, timestep_s=5e-4)
    data = mujoco.MjData(model)
    data.qpos[1] = 0.02
    motion = run(model, data, 4.0)
    expected = 2 * math.pi * math.sqrt(2 * 0.129 / (3 * G))
    assert period_s(motion[:, 0, 1], 5e-4) == pytest.approx(expected, rel=2e-3)
    assert np.abs(motion[:, 0, 0]).max() < 1e-4


def test_hanging_at_rest_stays_and_upright_is_an_unstable_rest(furuta: RobotSpec) -> None:
    model = mujoco_model(furuta)
    data = mujoco.MjData(model)
    assert np.abs(run(model, data, 2.0)).max() == 0.0
    data.qpos[1] = math.pi
    mujoco.mj_forward(model, data)
    assert np.abs(data.qfrc_bias).max() < 1e-9
    data.qpos[1] = math.pi + 1e-3
    assert run(model, data, 2.0)[-1, 0, 1] > math.pi + 0.5


def test_gravity_torque_is_m_g_l_sin_q(tmp_path: Path) -> None:
    model = mujoco_model(one_joint(tmp_path, inertia=HANGING, axis="1 0 0"))
    data = mujoco.MjData(model)
    for angle in (-2.0, 0.3, 1.5):
        data.qpos[0] = angle
        mujoco.mj_forward(model, data)
        assert data.qfrc_bias[0] == pytest.approx(M * G * L * math.sin(angle), rel=1e-9)


def test_free_swing_keeps_its_energy(furuta: RobotSpec, tmp_path: Path) -> None:
    """No motor (a torque drive at zero), no damping: both joints of the furuta in wild motion."""
    toml = quiet(furuta_toml())
    motor = toml["actuator"][0]
    limit, constants = motor.pop("limit_V"), motor.pop("dc_motor")
    motor |= {"command": "torque", "limit_Nm": limit, "direct": constants}
    urdf = FURUTA_URDF.replace('damping="1.8e-4" friction="3e-4"', "").replace(
        'damping="3.3e-5" friction="5e-6"', ""
    )
    spec = load_robot(write_robot(tmp_path, toml, urdf))
    model = mujoco_model(spec, timestep_s=2e-4)
    model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
    data = mujoco.MjData(model)
    data.qpos[1] = 2.5
    mujoco.mj_forward(model, data)
    start, energies = data.energy.sum(), []
    for _ in range(5000):
        mujoco.mj_step(model, data)
        energies.append(data.energy.sum())
    available = 0.024 * G * 0.129  # from hanging to upright
    assert np.abs(np.array(energies) - start).max() < 0.01 * available


def forward(spec: RobotSpec, command: float, velocity: float = 0.0) -> mujoco.MjData:
    model = mujoco_model(spec)
    data = mujoco.MjData(model)
    data.ctrl[0], data.qvel[0] = command, velocity
    mujoco.mj_forward(model, data)
    return data


@pytest.mark.parametrize("gear", [1.0, 3.0])
def test_motor_torque_is_that_of_the_circuit(gear: float, tmp_path: Path) -> None:
    """tau = g k (V - g k w) / R: stall torque g k V / R, none at the no-load speed V / (g k)."""
    spec = one_joint(tmp_path, gear=gear)
    assert forward(spec, 2.0).qfrc_actuator[0] == pytest.approx(gear * K * 2.0 / R)
    assert forward(spec, 2.0, 2.0 / (gear * K)).qfrc_actuator[0] == pytest.approx(0.0, abs=1e-12)
    expected = gear * K * (2.0 + gear * K * 7.0) / R
    assert forward(spec, 2.0, -7.0).qfrc_actuator[0] == pytest.approx(expected)


@pytest.mark.parametrize("gear", [1.0, 3.0])
def test_motor_spins_up_as_a_first_order_lag(gear: float, tmp_path: Path) -> None:
    """w = V / (g k) (1 - exp(-t / T)) with T = J R / (g k)^2, J including the reflected rotor."""
    rotor = 2e-5
    spec = one_joint(tmp_path, gear=gear, rotor=rotor, physics_rate_hz=5000.0)
    model = mujoco_model(spec)
    data = mujoco.MjData(model)
    data.ctrl[0] = 1.5
    constant_s = (J + rotor * gear**2) * R / (gear * K) ** 2
    speed = run(model, data, 6 * constant_s)[:, 1, 0]
    t = (np.arange(len(speed)) + 1) * model.opt.timestep
    expected = 1.5 / (gear * K) * (1 - np.exp(-t / constant_s))
    np.testing.assert_allclose(speed, expected, atol=0.003 * 1.5 / (gear * K))


@pytest.mark.parametrize(
    ("command", "gear", "torque"), [("torque", 3.0, 0.2), ("current", 3.0, 0.2 * K * 3.0)]
)
def test_direct_drives(command: str, gear: float, torque: float, tmp_path: Path) -> None:
    spec = one_joint(tmp_path, command=command, gear=gear)
    assert forward(spec, 0.2).qfrc_actuator[0] == pytest.approx(torque)
    assert forward(spec, 0.2, 9.0).qfrc_actuator[0] == pytest.approx(torque)


def test_viscous_damping_decays_exponentially(tmp_path: Path) -> None:
    damping = 3e-4
    model = mujoco_model(one_joint(tmp_path, command="torque", damping=damping))
    data = mujoco.MjData(model)
    data.qvel[0] = 8.0
    speed = run(model, data, 1.0)[:, 1, 0]
    t = (np.arange(len(speed)) + 1) * 1e-3
    np.testing.assert_allclose(speed, 8.0 * np.exp(-damping / J * t), atol=0.02)


def test_dry_friction_slows_linearly_and_then_holds(tmp_path: Path) -> None:
    friction = 1e-3
    model = mujoco_model(one_joint(tmp_path, command="torque", friction=friction))
    data = mujoco.MjData(model)
    data.qvel[0] = 8.0
    speed = run(model, data, 1.5)[:, 1, 0]
    assert speed[399] == pytest.approx(8.0 - friction / J * 0.4, rel=0.02)
    assert abs(speed[-1]) < 1e-3


def mass_matrix(model: mujoco.MjModel) -> np.ndarray:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    full = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, full)
    return full


def test_inertia_follows_mass_and_length(furuta: RobotSpec) -> None:
    """Hanging: M_aa = arm + pendulum's mass at the arm's end + its own axis + rotor; M_pp."""
    am, al, pm, pl = 1.1, 0.9, 0.85, 1.2
    scales = {
        "links.arm.mass": am,
        "links.arm.length": al,
        "links.pendulum.mass": pm,
        "links.pendulum.length": pl,
    }
    got = mass_matrix(mujoco_model(furuta, scales))
    arm = (5.7198e-5 + 0.095 * 0.0425**2) * am * al**2
    carried = 0.024 * pm * (0.085 * al) ** 2
    pendulum = (3.3282e-5 + 0.024 * 0.0645**2) * pm * pl**2
    assert got[0, 0] == pytest.approx(arm + carried + 2.5e-7 * pm * pl**2 + 4.6e-6, rel=1e-6)
    assert got[1, 1] == pytest.approx(pendulum, rel=1e-6)
    coupling = 0.024 * pm * 0.0645 * pl * 0.085 * al
    assert abs(got[0, 1]) == pytest.approx(coupling, rel=1e-6)


def test_parameters_left_out_are_nominal(furuta: RobotSpec) -> None:
    np.testing.assert_allclose(
        mass_matrix(mujoco_model(furuta, {})), mass_matrix(mujoco_model(furuta))
    )
    lighter = mujoco_model(furuta, {"links.pendulum.mass": 0.5})
    assert lighter.body("pendulum").mass[0] == pytest.approx(0.012)
    assert lighter.body("arm").mass[0] == pytest.approx(0.095)


def test_order_of_joints_in_the_urdf_does_not_matter(furuta: RobotSpec, tmp_path: Path) -> None:
    head, arm, pendulum = FURUTA_URDF.partition('<joint name="arm"')[0], *_joints()
    turned = load_robot(write_robot(tmp_path, furuta_toml(), head + pendulum + arm + "</robot>"))
    scales = {"links.arm.length": 1.2, "links.pendulum.mass": 0.8}
    got, want = (mass_matrix(mujoco_model(s, scales)) for s in (turned, furuta))
    np.testing.assert_allclose(got, want, rtol=1e-9)


def _joints() -> tuple[str, str]:
    text = '<joint name="arm"' + FURUTA_URDF.partition('<joint name="arm"')[2]
    arm, _, rest = text.partition("</joint>")
    return arm + "</joint>", rest.replace("</robot>", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('<mass value="0.024"/>', '<mass value="0"/>'), "link 'pendulum': no mass"),
        (('<axis xyz="1 0 0"/>', '<axis xyz="0 0 0"/>'), "'pendulum': <axis> has no direction"),
        (('<child link="pendulum"/>', '<child link="nobody"/>'), "<child> names link 'nobody'"),
        (('ixx="3.3282e-5"', 'ixx="1"'), "link 'pendulum': <inertia> has the principal moments"),
    ],
    ids=["massless", "no axis", "no child", "impossible inertia"],
)  # fmt: skip
def test_urdf_that_cannot_be_built_is_a_spec_error_at_loading(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    """What MuJoCo would refuse is found where no MuJoCo is installed, too."""
    toml = furuta_toml() | {"randomization": {}}
    folder = write_robot(tmp_path, toml, FURUTA_URDF.replace(*change))
    with pytest.raises(SpecError, match=message) as caught:
        load_robot(folder)
    assert "furuta.urdf" in str(caught.value)


def test_meshes_are_no_business_of_physics(furuta: RobotSpec, tmp_path: Path) -> None:
    shape = '<cylinder radius="0.004" length="0.085"/>'
    urdf = FURUTA_URDF.replace(shape, '<mesh filename="package://nowhere/arm.dae"/>')
    assert urdf != FURUTA_URDF
    with_mesh = load_robot(write_robot(tmp_path, furuta_toml(), urdf))
    np.testing.assert_array_equal(
        mass_matrix(mujoco_model(with_mesh)), mass_matrix(mujoco_model(furuta))
    )
