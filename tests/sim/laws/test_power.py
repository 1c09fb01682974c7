"""Motors without power, in both engines and in the mock's plant, against what physics says."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware import make_device
from hardware.mock.board import Board
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.reality import nominal_reality
from sim.envs.simulated_robot import SimulatedRobot
from sim.laws.electronics import Power
from sim.plant import MujocoPlant, make_plant
from sim.worlds import Worlds, make_worlds
from tests.support.engines import each_engine, parameters
from tests.support.robots import one_joint

MASS, REACH, INERTIA = 0.1, 0.1, 1.5e-3
G = 9.81
"""A bar on a level axle: at angle 0 its weight pulls with MASS G REACH."""
BAR = f"""<origin xyz="{REACH} 0 0"/><mass value="{MASS}"/>
<inertia ixx="5e-4" iyy="{INERTIA - MASS * REACH**2}" izz="5e-4" ixy="0" ixz="0" iyz="0"/>"""
LAW = {
    "damping_nm_s_rad": 0.02,
    "torque_limit_nm": 0.5,
    "no_load_speed_rad_s": 2.0,
    "rotor_inertia_kg_m2": 0.0,
}


def bar(folder: Path, command: str, edit: Any = None) -> RobotSpec:
    """The bar behind a motor of that kind, which is strong enough to hold it."""
    axle = {"inertia": BAR, "axis": "0 1 0"}
    if command not in ("position", "velocity"):
        return one_joint(folder, command=command, **axle)
    law = LAW | ({"stiffness_nm_rad": 5.0} if command == "position" else {})
    limit = {"position": "limit_rad", "velocity": "limit_rad_s"}[command]
    actuator = {"name": "motor", "joint": "pendulum", "command": command, limit: 2.0, "servo": law}
    return one_joint(folder, edit={"actuator": [actuator]} | (edit or {}), **axle)


def free_fall(seconds: float, brake: float = 0.0) -> float:
    """Angle of the bar, let go at 0: I q'' = m g l cos q - brake q'."""
    q = v = 0.0
    steps = round(seconds / 1e-5)
    for _ in range(steps):
        v += 1e-5 * (MASS * G * REACH * math.cos(q) - brake * v) / INERTIA
        q += 1e-5 * v
    return q


def worlds_of(spec: RobotSpec, backend: str, size: int = 1) -> Worlds:
    worlds = make_worlds(spec, size, backend=backend, threads=1)
    worlds.reset(parameters(spec, size), np.arange(size))
    return worlds


@each_engine
@pytest.mark.parametrize("command", ["position", "velocity", "current", "torque"])
def test_off_nothing_but_weight_acts(backend: str, command: str, tmp_path: Path) -> None:
    """No loop, and no back-EMF either, which at its no-load speed of 2 rad/s would hold it up."""
    worlds = worlds_of(bar(tmp_path, command), backend)
    worlds.enable(np.array([[False]]))
    worlds.step(np.array([[1.0]]), 150)
    assert worlds.true_state()[0][0, 0] == pytest.approx(free_fall(0.15), rel=0.02)
    worlds.close()


@each_engine
def test_off_a_motor_by_voltage_is_short_circuited(backend: str, tmp_path: Path) -> None:
    spec = bar(tmp_path, "voltage")
    motor = spec.actuators[0].motor
    constant = motor.torque_constant_nm_a * motor.gear_ratio
    worlds = worlds_of(spec, backend)
    worlds.enable(np.array([[False]]))
    worlds.step(np.array([[1.0]]), 150)
    expected = free_fall(0.15, brake=constant**2 / motor.resistance_ohm)
    assert worlds.true_state()[0][0, 0] == pytest.approx(expected, rel=0.02)
    worlds.close()


@each_engine
def test_enabled_a_velocity_servo_holds_with_torque(backend: str, tmp_path: Path) -> None:
    """It gives way with m g l / (damping + brake), and does not fall."""
    worlds = worlds_of(bar(tmp_path, "velocity"), backend)
    worlds.enable(np.array([[True]]))
    worlds.step(None, 300)
    brake = LAW["torque_limit_nm"] / LAW["no_load_speed_rad_s"]
    speed = MASS * G * REACH / (LAW["damping_nm_s_rad"] + brake)
    assert worlds.true_state()[1][0, 0] == pytest.approx(speed, rel=0.05)
    worlds.close()


@each_engine
def test_switched_on_again_a_servo_holds_where_it_is(backend: str, tmp_path: Path) -> None:
    """Neither where it was when it was switched off, nor at 0."""
    worlds = worlds_of(bar(tmp_path, "position"), backend)
    worlds.enable(np.array([[False]]))
    worlds.step(None, 120)
    caught = worlds.true_state()[0][0, 0]
    assert caught > 0.2
    worlds.enable(np.array([[True]]))
    worlds.step(None, 400)
    sag = MASS * G * REACH / 5.0
    assert worlds.true_state()[0][0, 0] == pytest.approx(caught, abs=2 * sag)
    worlds.close()


@each_engine
def test_each_world_has_its_own_switch_and_a_reset_closes_it(backend: str, tmp_path: Path) -> None:
    spec = bar(tmp_path, "position")
    worlds = worlds_of(spec, backend, 3)
    worlds.enable(np.array([[True], [False], [False]]))
    worlds.reset(parameters(spec, 1), np.array([2]))
    worlds.step(None, 150)
    q = worlds.true_state()[0][:, 0]
    assert q[1] == pytest.approx(free_fall(0.15), rel=0.02)
    assert np.abs(q[[0, 2]]).max() < 0.05
    worlds.close()


@each_engine
def test_new_parameters_do_not_switch_on(backend: str, tmp_path: Path) -> None:
    spec = bar(tmp_path, "position")
    worlds = worlds_of(spec, backend)
    worlds.enable(np.array([[False]]))
    stronger = parameters(spec, 1, actuators__motor__torque_limit=2.0)
    worlds.change(stronger, np.array([0]), ("actuators.motor.torque_limit",))
    worlds.step(None, 150)
    assert worlds.true_state()[0][0, 0] == pytest.approx(free_fall(0.15), rel=0.02)
    caught = worlds.true_state()[0][0, 0]
    worlds.enable(np.array([[True]]))
    worlds.step(None, 500)
    assert worlds.true_state()[0][0, 0] == pytest.approx(caught, abs=0.2)
    worlds.close()


@each_engine
def test_warm_servos_are_switched_off_as_well(backend: str, tmp_path: Path) -> None:
    spec = bar(tmp_path, "position")
    heat = {"actuators.motor.heating_k": 50.0, "actuators.motor.derating_per_k": 0.004}
    worlds = worlds_of(replace(spec, effects=heat), backend)
    worlds.enable(np.array([[False]]))
    worlds.step(None, 150)
    assert worlds.true_state()[0][0, 0] == pytest.approx(free_fall(0.15), rel=0.02)
    worlds.enable(np.array([[True]]))
    worlds.step(None, 300)
    assert abs(worlds.true_state()[1][0, 0]) < 0.2
    worlds.close()


@pytest.mark.parametrize("heat", [False, True])
def test_the_plant_of_the_mock_obeys(heat: bool, tmp_path: Path) -> None:
    spec = bar(tmp_path, "position")
    effects = {"actuators.motor.heating_k": 50.0, "actuators.motor.derating_per_k": 0.004}
    reality = nominal_reality(spec)
    if heat:
        reality = replace(reality, parameters=reality.parameters | effects)
    plant = make_plant(spec, reality, np.random.default_rng(0))
    plant.drive(np.array([1.0]), np.array([False]))
    plant.advance(0.15)
    fallen = plant.positions()[0]
    assert fallen == pytest.approx(free_fall(0.15), rel=0.02)
    plant.drive(np.array([fallen]), np.array([True]))
    plant.advance(0.4)
    assert plant.positions()[0] == pytest.approx(fallen, abs=0.1)
    assert abs(plant.velocities()[0]) < 0.1


def arm_board(q: tuple[float, ...]) -> tuple[Board, MujocoPlant]:
    """The mock arm, powered up in a pose."""
    spec = load_robot("arm")
    reality = nominal_reality(spec)
    start = zip(spec.joints, q, strict=True)
    pose = {f"initial.{joint.name}.position_rad": angle for joint, angle in start}
    reality = replace(reality, parameters=reality.parameters | pose)
    board = make_device(spec, reality).board
    assert isinstance(board.plant, MujocoPlant)
    return board, board.plant


POSE = (1.0, 0.5, 1.2, 0.6, -0.8)


def fastest(board: Board, plant: MujocoPlant, seconds: float) -> np.ndarray:
    """The largest speed of each joint on the way, (J,) rad/s."""
    end_s, most = board.time_s + seconds, np.zeros(len(POSE))
    while board.time_s < end_s:
        board.advance_to(board.time_s + 1e-3)
        most = np.maximum(most, np.abs(plant.velocities()))
    return most


def test_the_mock_arm_never_enabled_hangs_and_does_not_go_to_0() -> None:
    board, plant = arm_board(POSE)
    speed = fastest(board, plant, 0.3)
    assert speed[0] < 0.2, "pan stands upright: no weight turns it"
    assert abs(plant.positions()[0] - POSE[0]) < 0.05
    assert not board.powered.any()


def test_the_mock_arm_holds_between_enable_and_the_first_command() -> None:
    board, plant = arm_board(POSE)
    before = plant.positions()
    board.enable(0.2)
    assert (fastest(board, plant, 0.15) < 1.0).all()
    assert np.abs(plant.positions() - before).max() < 0.12
    np.testing.assert_allclose(board.command, before, atol=2e-3)


@pytest.mark.parametrize("how", ["stop", "watchdog"])
def test_after_a_stop_the_mock_arm_gives_way_to_its_weight_only(how: str) -> None:
    board, plant = arm_board(POSE)
    board.enable(0.2)
    board.take_command(np.array(POSE))
    board.advance_to(0.05)
    if how == "stop":
        board.stop()
    else:
        board.advance_to(0.3)
    assert not board.powered.any()
    pan = plant.positions()[0]
    board.advance_to(board.time_s + 0.3)
    assert plant.positions()[0] == pytest.approx(pan, abs=0.05)
    np.testing.assert_allclose(board.command, plant.positions(), atol=2e-3)


def test_a_servo_that_holds_far_from_0_stays_cold() -> None:
    """A pose is no load: it warmed by the square of the angle."""
    board, _ = arm_board(POSE)
    board.enable(60.0)
    board.advance_to(20.0)
    assert (board.heat.celsius < 28.0).all()


def test_simulated_and_mock_arm_fall_alike() -> None:
    spec = load_robot("arm")
    board, plant = arm_board(POSE)
    joints = tuple(replace(j, home_rad=q) for j, q in zip(spec.joints, POSE, strict=True))
    robot = SimulatedRobot(replace(spec, joints=joints), {}, np.random.default_rng(0))
    robot.stop()
    robot.wait_until(0.3)
    board.advance_to(0.3)
    simulated = robot.worlds.true_state()[0][0]
    assert np.abs(simulated - POSE).max() > 0.3
    np.testing.assert_allclose(simulated, plant.positions(), atol=0.06)
    robot.close()


def test_what_is_passed_on() -> None:
    """Worlds first, then whatever, motors last."""
    power = Power(load_robot("arm"), 2)
    commands = np.ones((2, 3, 5))
    assert power.pass_on(commands) is commands and power.full
    motors = np.ones((2, 5), dtype=bool)
    motors[1, 2] = False
    power.switch(motors)
    assert not power.full
    assert power.pass_on(commands)[1, :, 2].tolist() == [0.0] * 3
    assert power.pass_on(commands).sum() == 27
    assert np.isinf(power.circuit()).sum() == 1
