"""Each engine against closed forms: rest, energy, period, and what motors do to a pendulum."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from robot_mbrl.contract import RobotSpec, load_robot
from sim.bullet_engine.worlds import BulletWorlds
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds, make_worlds
from tests.support.engines import each_engine, parameters
from tests.support.robots import one_joint

G = 9.81
M, L, I_COM = 0.3, 0.11, 4e-4  # a body whose centre of mass is L below its axle
HANGING = f"""<origin xyz="0 0 {-L}"/><mass value="{M}"/>
<inertia ixx="{I_COM}" iyy="{I_COM}" izz="1e-5" ixy="0" ixz="0" iyz="0"/>"""
INERTIA = I_COM + M * L**2
WEIGHT = M * G * L  # torque of gravity at a right angle
ROTOR = 2e-4


def pendulum(folder: Path, command: str = "torque", **settings: Any) -> RobotSpec:
    """A compound pendulum with a rotor, controlled and integrated at 1 kHz."""
    fast = {"rate_hz": 1000, "physics_rate_hz": 1000, "action_history": 0, "observation_history": 0}
    return one_joint(
        folder,
        inertia=HANGING,
        axis="1 0 0",
        command=command,
        rotor=ROTOR,
        edit={"control": fast},
        **settings,
    )


def build(spec: RobotSpec, backend: str, q: list[float], **given: Any) -> Worlds:
    """One world at rest at q (J,)."""
    worlds = make_worlds(spec, 1, backend=backend, threads=1)
    worlds.reset(parameters(spec, 1, **given), np.arange(1))
    worlds.set_true_state(np.array([q]), np.zeros((1, len(q))), np.arange(1))
    return worlds


def follow(worlds: Worlds, action: float, seconds: float, substeps: int = 1) -> np.ndarray:
    """Angles and velocities of one world after each of many short pieces, (T, 2, J)."""
    path = []
    for _ in range(round(seconds * worlds.spec.control.physics_rate_hz / substeps)):
        worlds.step(np.full((1, len(worlds.spec.actuators)), action), substeps)
        path.append([x[0] for x in worlds.true_state()])
    return np.array(path)


@each_engine
def test_hanging_rests_and_upright_is_an_unstable_rest(backend: str, furuta: RobotSpec) -> None:
    assert not follow(build(furuta, backend, [0.0, 0.0]), 0.0, 0.4, 5).any()
    upright = follow(build(furuta, backend, [0.0, math.pi]), 0.0, 0.4, 5)
    np.testing.assert_allclose(upright[:, 0, 1], math.pi, atol=1e-4)
    leaning = follow(build(furuta, backend, [0.0, math.pi + 0.02]), 0.0, 0.8, 5)
    assert leaning[-1, 0, 1] > math.pi + 0.5


@each_engine
def test_a_constant_torque_is_held_where_gravity_balances_it(backend: str, tmp_path: Path) -> None:
    """m g l sin q = tau, reached through strong damping."""
    spec = pendulum(tmp_path, damping=0.07)  # critical
    share = 0.5 * WEIGHT / spec.actuators[0].limit
    at = follow(build(spec, backend, [0.4]), share, 1.5, 50)[-1]
    assert at[0, 0] == pytest.approx(math.asin(0.5), abs=1e-4)


@each_engine
def test_dry_friction_holds_a_pendulum_off_its_rest(backend: str, tmp_path: Path) -> None:
    """Friction holds wherever m g l sin q is less. PyBullet's here is exact; MuJoCo's is soft."""
    spec = pendulum(tmp_path, friction=0.5 * WEIGHT)
    held = follow(build(spec, backend, [0.45]), 0.0, 0.5, 20)[:, 0, 0]
    creep = {"mujoco": 0.05, "pybullet": 0.0}[backend]
    np.testing.assert_allclose(held, 0.45, atol=creep)
    assert abs(follow(build(spec, backend, [0.7]), 0.0, 0.5, 20)[-1, 0, 0] - 0.7) > 0.1


@each_engine
def test_an_undamped_swing_keeps_its_energy(backend: str, tmp_path: Path) -> None:
    path = follow(build(pendulum(tmp_path), backend, [2.5]), 0.0, 2.4)[:, :, 0]
    energy = (INERTIA + ROTOR) * path[:, 1] ** 2 / 2 + WEIGHT * (1 - np.cos(path[:, 0]))
    start = WEIGHT * (1 - math.cos(2.5))
    # semi-implicit Euler: within a swing it wavers by the order of the time step; it does not drift
    assert np.abs(energy / start - 1).max() < 0.01
    assert energy[1200:].mean() == pytest.approx(energy[:1200].mean(), rel=1e-3)


def furuta_energy(q: np.ndarray, v: np.ndarray, rotor: float) -> np.ndarray:
    """Of the furuta with its nominal numbers, from the mechanics of two rods; J."""
    m, r, c, across, along = 0.024, 0.085, 0.0645, 3.3282e-5, 2.5e-7
    sine, cosine = np.sin(q[:, 1]), np.cos(q[:, 1])
    arm = 5.7198e-5 + 0.095 * 0.0425**2 + rotor + m * r**2
    arm = arm + (across + m * c**2) * sine**2 + along * cosine**2
    kinetic = arm * v[:, 0] ** 2 / 2 + (across + m * c**2) * v[:, 1] ** 2 / 2
    result: np.ndarray = kinetic + m * r * c * cosine * v[:, 0] * v[:, 1] - m * G * c * cosine
    return result


@each_engine
def test_both_joints_of_the_furuta_in_wild_motion_keep_their_energy(
    backend: str, furuta: RobotSpec
) -> None:
    """Scales can take friction and back-EMF down to 1 %; a hundredth of them takes little."""
    small = {
        f"joints__{j}__{k}": 0.01 for j in ("arm", "pendulum") for k in ("damping", "friction")
    }
    small["actuators__motor__torque_constant"] = 0.01
    fine = replace(furuta, control=replace(furuta.control, physics_rate_hz=2000.0))
    path = follow(build(fine, backend, [0.0, 2.5], **small), 0.0, 0.6, 4)
    energy = furuta_energy(path[:, 0], path[:, 1], 4.6e-6)
    available = 0.024 * G * 0.129  # from hanging to upright
    assert np.ptp(path[:, 1, 0]) > 8.0
    assert np.abs(energy - furuta_energy(np.array([[0.0, 2.5]]), np.zeros((1, 2)), 0)).max() < (
        0.04 * available
    )


@each_engine
def test_a_small_swing_has_the_period_of_a_compound_pendulum(backend: str, tmp_path: Path) -> None:
    angle = follow(build(pendulum(tmp_path), backend, [0.02]), 0.0, 1.5)[:, 0, 0]
    at = np.flatnonzero((angle[:-1] < 0) & (angle[1:] >= 0))
    crossings = at - angle[at] / (angle[at + 1] - angle[at])
    expected = 2 * math.pi * math.sqrt((INERTIA + ROTOR) / WEIGHT)
    assert np.diff(crossings).mean() * 1e-3 == pytest.approx(expected, rel=1e-3)


@each_engine
@pytest.mark.parametrize(
    ("command", "gear", "limit_share"),
    [("voltage", 3.0, 0.9), ("current", 3.0, 0.3), ("torque", 1.0, 0.04)],
)
def test_a_step_of_each_command_moves_a_pendulum_as_its_equation_says(
    backend: str, command: str, gear: float, limit_share: float, tmp_path: Path
) -> None:
    """(I + g^2 J) q'' = tau(u, q') - d q' - m g l sin q, integrated by scipy to 1e-9."""
    damping, k, resistance = 2e-3, 0.042, 8.4
    spec = pendulum(tmp_path, command, gear=gear, damping=damping)
    u, total = limit_share * spec.actuators[0].limit, INERTIA + gear**2 * ROTOR

    def torque(speed: float) -> float:
        if command == "voltage":
            return gear * k * (u - gear * k * speed) / resistance
        return u * gear * k if command == "current" else u

    def derivative(_: float, x: np.ndarray) -> list[float]:
        q, v = x
        return [v, (torque(v) - damping * v - WEIGHT * math.sin(q)) / total]

    times = np.arange(1, 101) / 100
    exact = solve_ivp(derivative, (0, 1), [0.0, 0.0], t_eval=times, rtol=1e-9, atol=1e-9).y
    path = follow(build(spec, backend, [0.0]), limit_share, 1.0, 10)[:, :, 0]
    swing = np.abs(exact).max(1)
    assert swing[0] > 0.1
    np.testing.assert_allclose(path[:, 0], exact[0], atol=0.01 * swing[0])
    np.testing.assert_allclose(path[:, 1], exact[1], atol=0.015 * swing[1])


def built(worlds: Worlds) -> dict[str, Any]:
    """What an engine holds of its first world, in one vocabulary; without back-EMF."""
    spec = worlds.spec
    if isinstance(worlds, BulletWorlds):
        return worlds.describe(0)
    assert isinstance(worlds, MujocoWorlds)
    model: mujoco.MjModel = worlds.model_of(0)
    links = {
        link: {
            "mass_kg": model.body(link).mass[0],
            "moments_kg_m2": model.body(link).inertia,
            "centre_m": model.body(link).ipos,
        }
        for link in spec.links
    }
    joints = {}
    for joint in spec.joints:
        found, dof = model.joint(joint.name), model.joint(joint.name).dofadr[0]
        joints[joint.name] = {
            "limit_rad": tuple(found.range) if model.jnt_limited[found.id] else (0.0, -1.0),
            "damping": model.dof_damping[dof],
            "friction": model.dof_frictionloss[dof],
            "armature": model.dof_armature[dof],
        }
    return {"links": links, "joints": joints}


@each_engine
@pytest.mark.parametrize("name", ["furuta", "simple_pendulum"])
def test_the_compiled_robot_is_the_description_number_by_number(backend: str, name: str) -> None:
    spec = load_robot(name)
    got, root = built(make_worlds(spec, 1, backend=backend, threads=1)), ET.parse(spec.urdf)
    for link in spec.links:
        [inertial] = root.findall(f"link[@name='{link}']/inertial")
        text = {child.tag: child for child in inertial}
        centre = [float(x) for x in text["origin"].get("xyz", "").split()]
        moments = sorted(float(text["inertia"].get(k, "")) for k in ("ixx", "iyy", "izz"))
        assert got["links"][link]["mass_kg"] == float(text["mass"].get("value", ""))
        np.testing.assert_allclose(got["links"][link]["centre_m"], centre, atol=1e-12)
        np.testing.assert_allclose(sorted(got["links"][link]["moments_kg_m2"]), moments, rtol=1e-9)
    for joint in spec.joints:
        [element] = root.findall(f"joint[@name='{joint.name}']")
        found, driven = (
            got["joints"][joint.name],
            [a for a in spec.actuators if a.joint == joint.name],
        )
        limit, dynamics = element.find("limit"), element.find("dynamics")
        assert dynamics is not None
        bounds = (0.0, -1.0) if limit is None else (limit.get("lower"), limit.get("upper"))
        assert found["limit_rad"] == pytest.approx(tuple(float(b or 0) for b in bounds))
        assert found["friction"] == pytest.approx(float(dynamics.get("friction", "")))
        brake = sum(
            a.motor.torque_constant_nm_a**2 / a.motor.resistance_ohm
            for a in driven
            if a.command == "voltage"
        )
        brake = brake if backend == "pybullet" else 0.0  # MuJoCo keeps it in the actuator
        assert found["damping"] == pytest.approx(float(dynamics.get("damping", "")) + brake)
        rotor = sum(a.motor.rotor_inertia_kg_m2 * a.motor.gear_ratio**2 for a in driven)
        assert found["armature"] == pytest.approx(rotor)
