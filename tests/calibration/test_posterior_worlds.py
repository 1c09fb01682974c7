"""Which randomized worlds explain a log: those that share the parameter that the log shows."""

import numpy as np

from calibration.log_windows import LogWindows
from calibration.posterior import offspring, posterior_worlds
from robot_mbrl.contract import load_robot
from sim.open_loop import simulate_increments

SPEC = load_robot("simple_pendulum")


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
        found = posterior_worlds(
            SPEC, swings(damping), np.random.default_rng(0), worlds=64, keep=4, rounds=1
        )
        assert np.all(np.diff(found.error_rad) >= 0)
        kept[damping] = np.exp(np.log(found.parameters["joints.pendulum.damping"]).mean())
    assert kept[low] < 1.2 < 3.0 < kept[6.0]


def test_a_pushed_window_does_not_decide_which_worlds_explain_a_log() -> None:
    pushed = swings(6.0)
    pushed.travel_rad[0] += 20.0  # a push
    found = posterior_worlds(SPEC, pushed, np.random.default_rng(0), worlds=64, keep=4, rounds=1)
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
