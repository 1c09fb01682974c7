"""Position and velocity servos against their law and the differential equation it makes."""

import math
from pathlib import Path
from typing import Any

import mujoco
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from sim import make_vec_env, mujoco_model
from sim.mujoco_engine.worlds import MujocoWorlds
from tests.support.engines import each_engine
from tests.support.robots import furuta_toml, one_joint, quiet

J = 1e-4  # the wheel of `one_joint`
KP, KD, MOST = 0.04, 1.2e-3, 0.02


def servo(folder: Path, command: str = "position", edit: Any = None, **motor: float) -> RobotSpec:
    """The wheel of `one_joint` behind a servo."""
    law = {"damping_nm_s_rad": KD, "torque_limit_nm": MOST, "rotor_inertia_kg_m2": 0.0} | motor
    if command == "position":
        law = {"stiffness_nm_rad": KP} | law
    limit = {"position": "limit_rad", "velocity": "limit_rad_s"}[command]
    actuator = {"name": "motor", "joint": "pendulum", "command": command, limit: 2.0, "servo": law}
    return one_joint(folder, edit={"actuator": [actuator]} | (edit or {}))


def torque(spec: RobotSpec, command: float, q: float, w: float, **parameters: float) -> float:
    """Of the motor: what it pushes with, less its back-EMF."""
    model = mujoco_model(spec, {f"actuators.motor.{k}": v for k, v in parameters.items()})
    data = mujoco.MjData(model)
    data.ctrl[0], data.qpos[0], data.qvel[0] = command, q, w
    mujoco.mj_forward(model, data)
    return float(data.qfrc_actuator[0] + data.qfrc_damper[0])


def test_position_servo_is_a_clipped_pd(tmp_path: Path) -> None:
    spec = servo(tmp_path)
    assert torque(spec, 0.3, 0.1, 2.0) == pytest.approx(KP * 0.2 - KD * 2.0)
    assert torque(spec, 1.9, 0.0, 0.0) == pytest.approx(MOST)
    assert torque(spec, -1.9, 0.0, 0.0) == pytest.approx(-MOST)


def test_velocity_servo_is_a_clipped_gain(tmp_path: Path) -> None:
    spec = servo(tmp_path, "velocity")
    assert torque(spec, 2.0, 0.7, 0.5) == pytest.approx(KD * 1.5)
    assert torque(spec, 2.0, 0.7, -30.0) == pytest.approx(MOST)


def test_no_torque_is_left_at_the_no_load_speed(tmp_path: Path) -> None:
    """Back-EMF takes the stall torque at that speed, and half of it at half of it."""
    spec = servo(tmp_path, no_load_speed_rad_s=5.0, damping_nm_s_rad=0.0)
    assert torque(spec, 1.9, 0.0, 0.0) == pytest.approx(MOST)
    assert torque(spec, 1.9, 0.0, 2.5) == pytest.approx(MOST / 2)
    assert torque(spec, 1.9, 0.0, 5.0) == pytest.approx(0.0, abs=1e-12)


def test_step_response_is_that_of_a_damped_oscillator(tmp_path: Path) -> None:
    """J q'' = KP (c - q) - KD q', underdamped: w = sqrt(KP / J), zeta = KD / (2 sqrt(KP J))."""
    model = mujoco_model(servo(tmp_path), timestep_s=1e-4)
    data = mujoco.MjData(model)
    data.ctrl[0] = 0.4
    w, zeta = math.sqrt(KP / J), KD / (2 * math.sqrt(KP * J))
    wd = w * math.sqrt(1 - zeta**2)
    for step in range(1, 4001):
        mujoco.mj_step(model, data)
        if step % 400 == 0:
            t = step * 1e-4
            swing = math.cos(wd * t) + zeta / math.sqrt(1 - zeta**2) * math.sin(wd * t)
            expected = 0.4 * (1 - math.exp(-zeta * w * t) * swing)
            assert data.qpos[0] == pytest.approx(expected, abs=2e-3)


def test_velocity_step_is_a_first_order_lag(tmp_path: Path) -> None:
    model = mujoco_model(servo(tmp_path, "velocity"), timestep_s=1e-4)
    data = mujoco.MjData(model)
    data.ctrl[0] = 2.0
    for _ in range(1000):
        mujoco.mj_step(model, data)
    assert data.qvel[0] == pytest.approx(2.0 * (1 - math.exp(-KD / J * 0.1)), rel=2e-3)


def test_rotor_inertia_is_reflected_by_the_gear(tmp_path: Path) -> None:
    model = mujoco_model(servo(tmp_path, rotor_inertia_kg_m2=1e-6, gear_ratio=10.0))
    assert model.dof_armature[0] == pytest.approx(1e-4)


def test_what_randomization_scales(tmp_path: Path) -> None:
    spec = servo(tmp_path, no_load_speed_rad_s=5.0)
    emf = MOST / 5.0
    assert torque(spec, 0.3, 0.1, 1.0, stiffness=2.0) == pytest.approx(KP * 0.4 - KD - emf)
    assert torque(spec, 0.3, 0.1, 1.0, damping=3.0) == pytest.approx(KP * 0.2 - 3 * KD - emf)
    assert torque(spec, 1.9, 0.0, 1.0, torque_limit=0.5) == pytest.approx((MOST - emf) / 2)
    wheel = servo(tmp_path / "v", "velocity")
    assert torque(wheel, 2.0, 0.0, 0.5, damping=2.0) == pytest.approx(2 * KD * 1.5)


def test_each_world_has_its_own_servo(tmp_path: Path) -> None:
    spec = servo(tmp_path)
    worlds = MujocoWorlds(spec, 2, threads=1)
    for world, scale in enumerate((0.5, 2.0)):
        model = worlds.model_of(world, {"actuators.motor.stiffness": scale})
        assert model.actuator_gainprm[0, 0] == pytest.approx(KP * scale)
        assert model.actuator_biasprm[0, 1] == pytest.approx(-KP * scale)


def test_the_urdfs_effort_does_not_clip_what_robot_toml_says() -> None:
    arm = load_robot("arm")
    strong = mujoco_model(arm, {"actuators.roll_servo.torque_limit": 2.0})
    data = mujoco.MjData(strong)
    data.ctrl[4], data.qpos[4] = 2.5, -2.5
    mujoco.mj_forward(strong, data)
    assert data.qfrc_actuator[4] == pytest.approx(0.96)


def test_a_position_beyond_the_soft_limits_is_not_asked_for(tmp_path: Path) -> None:
    toml = quiet(furuta_toml())
    joint = toml["joint"][1] | {"wraps": False, "position_limit_rad": [-0.5, 0.5]}
    spec = servo(tmp_path, edit={"joint": [joint]})
    margin = spec.safety.soft_limit_margin_rad
    assert torque(spec, 2.0, 0.3, 0.0) == pytest.approx(KP * (0.5 - margin - 0.3))


@each_engine
def test_a_delayed_servo_stays_where_it_starts(backend: str, tmp_path: Path) -> None:
    """Its command buffer starts at its position, not at 0: nothing moves before the command can."""
    toml = quiet(furuta_toml())
    initial = {"initial": {"pendulum": {"position_rad": {"range": [0.5, 0.5]}}}}
    spec = servo(tmp_path, edit={"randomization": initial})
    actuator = toml["actuator"][0]["name"]
    env = make_vec_env(spec, 2, threads=1, backend=backend)
    env.reset(seed=0, options={"parameters": {f"actuators.{actuator}.latency_ms": 0.0}})
    assert env.worlds.true_state()[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("motor", "message"),
    [
        ({"stiffness_nm_rad": 0.0}, "servo.stiffness_nm_rad: expected a number from 1e-06"),
        ({"torque_limit_nm": -1.0}, "servo.torque_limit_nm: expected a number from"),
        ({"stiffnes": 1.0}, "servo.stiffnes: unknown key; did you mean 'stiffness_nm_rad'"),
    ],
)
def test_wrong_keys_are_named(motor: dict[str, float], message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        servo(tmp_path, **motor)


def test_home_is_the_nominal_start(tmp_path: Path) -> None:
    joint = quiet(furuta_toml())["joint"][1] | {"wraps": False, "position_limit_rad": [-2.0, -1.0]}
    task = {"name": "reach_pose", "parameters": {"target_rad": {"pendulum": -1.5}}}
    spec = servo(tmp_path, edit={"joint": [joint | {"home_rad": -1.4}], "task": task})
    env = make_vec_env(spec, 2, randomize=False, threads=1)
    env.reset(seed=0)
    assert env.worlds.true_state()[0] == pytest.approx(-1.4)
    assert spec.fingerprint == load_robot(spec.folder).fingerprint
    with pytest.raises(SpecError, match="home_rad: expected an angle within position_limit"):
        servo(tmp_path / "out", edit={"joint": [joint]})
