"""Weak sources and warm motors against differential equations, in each engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from robot_mbrl.contract import RobotSpec
from sim.bullet_engine.worlds import BulletWorlds, InThisProcess
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds
from tests.support.engines import each_engine, start
from tests.support.robots import one_joint

J, K, R, FULL = 1e-4, 0.042, 8.4, 5.0  # the wheel of `one_joint` and its motor
BOLTED = """<mass value="1"/>
<inertia ixx="1e4" iyy="1e4" izz="1e4" ixy="0" ixz="0" iyz="0"/>"""
COPPER = 0.0039


def control(physics_rate_hz: float) -> dict[str, float]:
    """Ticks of 1 ms, which temperatures follow."""
    histories = {"action_history": 1, "observation_history": 0}
    return {"rate_hz": 1000, "physics_rate_hz": physics_rate_hz} | histories


def motor(folder: Path, rate_hz: float = 1000, **settings: Any) -> RobotSpec:
    """A motor on a wheel, integrated at `rate_hz`; `effects` are its own."""
    effects = {"actuators": {"motor": settings.pop("effects", {})}}
    return one_joint(folder, edit={"control": control(rate_hz), "effects": effects}, **settings)


def speed(worlds: Worlds) -> np.ndarray:
    return worlds.true_state()[1][:, 0]


def excess_k(worlds: Worlds) -> np.ndarray:
    """Temperature of the motor above the start."""
    if isinstance(worlds, MujocoWorlds) and worlds._feedback:
        return worlds._feedback.get_state("")["motor_heat.excess"][:, 0]
    assert isinstance(worlds, BulletWorlds) and isinstance(worlds._workers[0], InThisProcess)
    return worlds._workers[0]._physics.get_state()["motor_heat.excess"][:, 0]


@each_engine
def test_a_weak_source_is_a_resistance_that_grows_with_the_duty(
    backend: str, tmp_path: Path
) -> None:
    """Duty d of a source with r in series: i = (d V - k w) / (R + d^2 r), so J w' = k i."""
    spec = motor(tmp_path, effects={"source_resistance_ohm": 4.0})
    source = np.array([4.0, 4.0, 0.0, 8.0, 4.0])
    supply = np.array([1.0, 1.0, 1.0, 1.0, 0.9])
    given = {
        "actuators__motor__source_resistance_ohm": source,
        "actuators__motor__supply": supply,
    }
    worlds, duty = start(spec, backend, 5, **given), np.array([1.0, -0.5, 1.0, 1.0, 1.0])
    worlds.step(duty[:, None], 200)
    total = R + duty**2 * source
    exact = duty * supply * FULL / K * (1 - np.exp(-(K**2) / total / J * 0.2))
    np.testing.assert_allclose(speed(worlds), exact, rtol=3e-3)
    drop = speed(worlds)[2] - speed(worlds)[0]
    assert drop > 5.0, "load costs speed"


def warm_up(current: Callable[[float], float], heating: float, seconds: float) -> float:
    """Excess after so long: time constant 1 s, current as a share of that at full torque."""

    def rate(_: float, x: np.ndarray) -> Any:
        return [heating * current(x[0]) ** 2 * (1 + COPPER * x[0]) - x[0]]

    return float(solve_ivp(rate, (0, seconds), [0.0], rtol=1e-9, atol=1e-9).y[0, -1])


@each_engine
def test_a_bolted_motor_warms_up_and_weakens(backend: str, tmp_path: Path) -> None:
    """Stalled at V: i = V / (R (1 + a x)), x' = heating (i / i_full)^2 (1 + a x) - x; its torque
    falls to 1 / (1 + a x) of what it was."""
    spec = motor(tmp_path, inertia=BOLTED, effects={"heating_k": 100.0, "heating_s": 1.0})
    given = {
        "actuators__motor__heating_k": np.array([100.0, 100.0, 0.0, 100.0]),
        "actuators__motor__derating_per_k": np.array([COPPER, COPPER, COPPER, 0.0]),
    }
    worlds, share = start(spec, backend, 4, **given), np.array([1.0, 0.5, 1.0, 1.0])
    for _ in range(200):
        worlds.step(share[:, None], 5)
    exact = [warm_up(lambda x, u=u: u / (1 + COPPER * x), 100.0, 1.0) for u in (1.0, 0.5)]
    np.testing.assert_allclose(excess_k(worlds)[:2], exact, rtol=0.01)
    assert excess_k(worlds)[2] == 0.0
    assert excess_k(worlds)[3] == pytest.approx(100 * (1 - np.exp(-1.0)), rel=0.01)
    before = speed(worlds)
    worlds.step(share[:, None])
    torque = (speed(worlds) - before) * 1e4 / 1e-3
    warm = 1 + COPPER * excess_k(worlds)
    np.testing.assert_allclose(torque[:3], share[:3] * K * FULL / R / warm[:3], rtol=0.01)


@each_engine
def test_a_warm_drive_with_its_own_loop_gives_less_at_most(backend: str, tmp_path: Path) -> None:
    """Its current follows the command until that is above what it still can."""
    spec = motor(
        tmp_path,
        command="current",
        inertia=BOLTED,
        effects={"heating_k": 200.0, "heating_s": 0.1},
    )
    worlds, share = start(spec, backend, 2), np.array([1.0, 0.4])
    for _ in range(200):
        worlds.step(share[:, None], 5)
    before = speed(worlds)
    worlds.step(share[:, None])
    torque = (speed(worlds) - before) * 1e4 / 1e-3
    at_most = K * FULL / (1 + COPPER * excess_k(worlds))
    assert at_most[0] < 0.7 * K * FULL
    np.testing.assert_allclose(torque, np.minimum(share * K * FULL, at_most), rtol=0.01)
    steady = 200 * 0.4**2 / (1 - 200 * 0.4**2 * COPPER)
    assert excess_k(worlds)[1] == pytest.approx(steady, rel=0.01)


@each_engine
def test_a_warm_servo_is_weaker_and_slower(backend: str, tmp_path: Path) -> None:
    """Its stall torque falls with the current that its winding lets through."""
    servo = {
        "name": "motor",
        "joint": "pendulum",
        "command": "position",
        "limit_rad": 1.0,
        "servo": {
            "stiffness_nm_rad": 10.0,
            "damping_nm_s_rad": 0.0,
            "torque_limit_nm": 0.5,
            "no_load_speed_rad_s": 6.0,
            "rotor_inertia_kg_m2": 0.0,
        },
    }
    effects = {"actuators": {"motor": {"heating_k": 150.0, "heating_s": 0.1}}}
    edit = {"control": control(1000), "actuator": [servo], "effects": effects}
    spec = one_joint(tmp_path, inertia=BOLTED, edit=edit)
    worlds = start(spec, backend, 1)
    for _ in range(200):
        worlds.step(np.ones((1, 1)), 5)
    exact = warm_up(lambda x: 1 / (1 + COPPER * x), 150.0, 20.0)
    assert excess_k(worlds)[0] == pytest.approx(exact, rel=0.01)
    before = speed(worlds)
    worlds.step(np.ones((1, 1)))
    torque = (speed(worlds) - before)[0] * 1e4 / 1e-3
    assert torque == pytest.approx(0.5 / (1 + COPPER * exact), rel=0.01)
    assert torque < 0.8 * 0.5
