"""Stiction, cogging and cables against closed forms, in each engine."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from robot_mbrl.contract import RobotSpec
from sim.worlds import make_worlds
from tests.support.engines import each_engine, parameters
from tests.support.robots import one_joint

J = 1e-4  # the wheel of `one_joint`
COULOMB, STATIC, STRIBECK = 1e-3, 2e-3, 0.3
TICK = 20  # physics steps of 1 ms


def wheel(folder: Path, friction: float = 0.0, **effects: float) -> RobotSpec:
    """A wheel under torque, 5 N m at full command, with these effects of its joint."""
    edit = {"effects": {"joints": {"pendulum": effects}}}
    return one_joint(folder, command="torque", friction=friction, edit=edit)


def run(spec: RobotSpec, backend: str, torque: Any, seconds: float, **given: Any) -> np.ndarray:
    """Angle and speed (2, B) after so long under torques (B,) in N m."""
    scale = np.atleast_1d(torque) / 5.0
    worlds, size = make_worlds(spec, len(scale), backend=backend, threads=1), len(scale)
    worlds.reset(parameters(spec, size, **given), np.arange(size))
    worlds.step(scale[:, None], round(1000 * seconds))
    return np.stack([x[:, 0] for x in worlds.true_state()])


@each_engine
def test_a_stuck_joint_holds_below_break_away_and_then_follows_the_stribeck_curve(
    backend: str, tmp_path: Path
) -> None:
    """J v' = tau - Fc - Fs exp(-(v / vs)^2): from rest only above Fc + Fs, but turning goes on."""
    spec = wheel(tmp_path, COULOMB, static_friction_nm=STATIC, stribeck_velocity_rad_s=STRIBECK)
    torque = np.array([0.95, 1.1, 0.95, 1.2]) * (COULOMB + STATIC)
    start = np.array([0.0, 0.0, 1.0, 0.1])
    given = {"initial__pendulum__velocity_rad_s": start}
    angle, speed = run(spec, backend, torque, 0.1, **given)
    assert abs(angle[0]) < 1e-4, "held"
    for world in (1, 2, 3):

        def rate(_: float, v: np.ndarray, tau: float = torque[world]) -> np.ndarray:
            return (tau - COULOMB - STATIC * np.exp(-((v / STRIBECK) ** 2))) / J

        exact = solve_ivp(rate, (0, 0.1), [start[world]], rtol=1e-9, atol=1e-12).y[0, -1]
        assert speed[world] == pytest.approx(exact, rel=0.02)
        assert speed[world] > 0.1


@each_engine
def test_each_number_of_the_stribeck_curve_matters(backend: str, tmp_path: Path) -> None:
    """More static friction holds what moved; a larger Stribeck speed takes longer to speed up."""
    spec = wheel(tmp_path, COULOMB, static_friction_nm=STATIC, stribeck_velocity_rad_s=STRIBECK)
    given = {
        "joints__pendulum__static_friction_nm": np.array([1.0, 0.0, 2.0, 1.0]) * STATIC,
        "joints__pendulum__stribeck_velocity_rad_s": np.array([1.0, 1.0, 1.0, 3.0]) * STRIBECK,
    }
    torque = np.full(4, 1.2 * (COULOMB + STATIC))
    _, (base, without, more, wider) = run(spec, backend, torque, 0.1, **given)
    assert without == pytest.approx((torque[0] - COULOMB) * 0.1 / J, rel=1e-3)
    assert without > base > wider > 0.1
    assert abs(more) < 1e-3


@each_engine
def test_cogging_swings_at_its_frequency_about_its_rest(backend: str, tmp_path: Path) -> None:
    """About a rest, J q'' = -A sin(N q + phase): angular frequency sqrt(A N / J)."""
    amplitude, periods, phase = 2e-3, 12, -0.6
    spec = wheel(
        tmp_path,
        cogging_nm=amplitude,
        cogging_periods_per_rev=periods,
        cogging_phase_rad=phase,
    )
    given = {
        "joints__pendulum__cogging_nm": np.array([1.0, 0.0, 4.0, 1.0]) * amplitude,
        "joints__pendulum__cogging_phase_rad": np.array([phase, phase, phase, 0.0]),
    }
    rest = np.array([-phase, -phase, -phase, 0.0]) / periods
    given["initial__pendulum__position_rad"] = rest + 0.005
    half = math.pi / math.sqrt(amplitude * periods / J)
    angle, _ = run(spec, backend, np.zeros(4), round(half, 3), **given)
    np.testing.assert_allclose(angle - rest, [-0.005, 0.005, 0.005, -0.005], atol=2e-4)


@each_engine
def test_a_cable_pulls_towards_its_rest(backend: str, tmp_path: Path) -> None:
    """Half a period pi sqrt(J / k) later the wheel is as far beyond the rest as it was before."""
    stiffness, rest = 0.01, 0.2
    spec = wheel(tmp_path, cable_nm_rad=stiffness, cable_rest_rad=rest)
    given = {
        "joints__pendulum__cable_nm_rad": np.array([1.0, 0.0, 0.25, 1.0]) * stiffness,
        "joints__pendulum__cable_rest_rad": np.array([1.0, 1.0, 1.0, -1.0]) * rest,
    }
    half = math.pi * math.sqrt(J / stiffness)
    angle, _ = run(spec, backend, np.zeros(4), half, **given)
    expected = rest * np.array([2.0, 0.0, 1.0, -2.0])
    np.testing.assert_allclose(angle, expected, atol=0.005)


@each_engine
def test_effects_may_be_named_by_randomization_alone(backend: str, tmp_path: Path) -> None:
    edit = {"randomization": {"joints": {"pendulum": {"cable_nm_rad": {"range": [0.0, 0.02]}}}}}
    spec = one_joint(tmp_path, command="torque", edit=edit)
    assert spec.nominal["joints.pendulum.cable_nm_rad"] == 0.0
    given = {"joints__pendulum__cable_nm_rad": [0.0, 0.02]}
    start = {"initial__pendulum__position_rad": 0.1}
    angle, _ = run(spec, backend, np.zeros(2), 0.05, **given, **start)
    np.testing.assert_allclose(angle, [0.1, 0.1 * math.cos(math.sqrt(200) * 0.05)], rtol=0.02)
