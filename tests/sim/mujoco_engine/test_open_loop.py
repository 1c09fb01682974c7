"""The simulator's own predictions against physics worked out by hand."""

import numpy as np
import pytest

from calibration.log_windows import LogWindows
from calibration.posterior import offspring, posterior_worlds
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import ShapeError
from sim.mujoco_engine.open_loop import simulate_increments

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


def swings(damping: float) -> LogWindows:
    """Windows of a nominal pendulum but for its damping."""
    rng = np.random.default_rng(3)
    q, qd = rng.uniform(-2, 2, (12, 1)), rng.uniform(-5, 5, (12, 1))
    before, actions = np.zeros((12, 1)), np.zeros((12, 25, 1))
    parameters = {"joints.pendulum.damping": damping}
    steps = simulate_increments(SPEC, q, qd, before, actions, parameters)
    return LogWindows(q, qd, before, actions, np.cumsum(steps, 1))


def test_posterior_worlds_have_the_damping_of_the_log() -> None:
    low = SPEC.nominal["joints.pendulum.damping"] * 0.3
    kept = {}
    for damping in (low, 6.0):
        found = posterior_worlds(SPEC, swings(damping), np.random.default_rng(0), keep=8, rounds=1)
        assert np.all(np.diff(found.error_rad) >= 0)
        kept[damping] = np.exp(np.log(found.parameters["joints.pendulum.damping"]).mean())
    assert kept[low] < 1.2 < 3.0 < kept[6.0]


def test_a_pushed_window_does_not_decide_which_worlds_explain_a_log() -> None:
    calm = swings(6.0)
    calm.travel_rad[0] += 20.0  # a push
    found = posterior_worlds(SPEC, calm, np.random.default_rng(0), keep=8, rounds=1)
    assert np.exp(np.log(found.parameters["joints.pendulum.damping"]).mean()) > 3.0


def test_further_rounds_find_worlds_that_explain_the_log_better() -> None:
    log = swings(2.0)
    errors = {
        rounds: posterior_worlds(
            SPEC, log, np.random.default_rng(0), worlds=64, keep=8, rounds=rounds
        ).error_rad
        for rounds in (1, 3)
    }
    assert errors[3].mean() < 0.7 * errors[1].mean()


def test_offspring_lie_between_and_around_what_is_kept_and_within_bounds() -> None:
    """Of worlds on a line all offspring are on that line: what is correlated stays so."""
    kept = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([10.0, 20.0, 30.0])}
    bounds = {"a": (0.0, 9.0), "b": (0.0, 35.0)}
    born = offspring(kept, bounds, np.random.default_rng(0), 200)
    np.testing.assert_allclose(born["b"], np.minimum(10 * born["a"], 35.0))
    assert born["a"].min() >= 0 and born["a"].max() > 3
    assert len(np.unique(born["a"])) > 100
