"""The simulator's own predictions against physics worked out by hand."""

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import ShapeError
from sim.open_loop import simulate_increments

SPEC = load_robot("simple_pendulum")
FREE = {"joints.pendulum.damping": 0.01, "joints.pendulum.friction": 0.01}
WEIGHT_NM = 0.6755 * 9.81 * 0.5
INERTIA = 0.6755 * 0.5**2 + 0.0022
LIMIT_NM = 3.2


def test_a_small_swing_is_a_cosine() -> None:
    omega, ticks = np.sqrt(WEIGHT_NM / INERTIA), 25
    q0 = np.array([[0.05], [-0.1]])
    nothing = np.zeros_like(q0)
    dq = simulate_increments(SPEC, q0, nothing, nothing, np.zeros((2, ticks, 1)), FREE)
    expected = q0 * np.cos(omega * ticks * 0.02)
    np.testing.assert_allclose(q0 + dq.sum(1), expected, atol=0.004)


def test_the_action_before_keeps_acting_for_the_latency() -> None:
    """8 ms of torque u, two steps, then coasting: u L / J (dt - L / 2), where gravity is nil."""
    latency_s, u = 0.008, 0.5
    zero, actions = np.zeros((2, 1)), np.zeros((2, 1, 1))
    before = np.array([[u], [0.0]])
    parameters = FREE | {"actuators.motor.latency_ms": 1000 * latency_s}
    dq = simulate_increments(SPEC, zero, zero, before, actions, parameters)[:, 0, 0]
    gained = u * LIMIT_NM * latency_s / INERTIA * (0.02 - latency_s / 2)
    assert dq[1] == pytest.approx(0.0, abs=1e-9)
    # half a step of 4 ms more by the integrator's order
    assert dq[0] == pytest.approx(gained, rel=0.2)


def test_friction_holds_what_is_below_it() -> None:
    """0.15 N m against 0.2 N m of friction: nothing moves; 0.4 N m: it does."""
    zero = np.zeros((2, 1))
    actions = np.array([0.15, 0.4])[:, None, None] / LIMIT_NM * np.ones((2, 25, 1))
    travel = simulate_increments(SPEC, zero, zero, zero, actions).sum((1, 2))
    assert abs(travel[0]) < 2e-3
    assert travel[1] > 0.05


def test_windows_that_disagree_in_number_are_refused() -> None:
    zero = np.zeros((2, 1))
    with pytest.raises(ShapeError, match="qd_rad_s"):
        simulate_increments(SPEC, zero, np.zeros((3, 1)), zero, np.zeros((2, 5, 1)))
