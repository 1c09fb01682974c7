"""Effort of a command against numbers worked out by hand, in the actuator's own unit."""

import numpy as np

from robot_mbrl.analysis.effort import measure_effort
from robot_mbrl.contract import load_robot
from tests.support.episodes import make_episode

SPEC = load_robot("furuta")
LIMIT_V, RATE = SPEC.actuators[0].limit, SPEC.control.rate_hz


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_size_and_change_of_a_swinging_command() -> None:
    episode = make_episode(SPEC, column(0.5, -0.5, 0.5, -0.5))
    effort = measure_effort(episode, np.ones(4, bool))
    np.testing.assert_allclose(effort.rms, [0.5 * LIMIT_V])
    np.testing.assert_allclose(effort.variation_per_s, [1.0 * LIMIT_V * RATE])


def test_a_constant_command_does_not_swing() -> None:
    effort = measure_effort(make_episode(SPEC, column(0.3, 0.3, 0.3)), np.ones(3, bool))
    np.testing.assert_allclose(effort.rms, [0.3 * LIMIT_V])
    np.testing.assert_allclose(effort.variation_per_s, [0.0])


def test_only_chosen_ticks_count_and_only_changes_between_two_of_them() -> None:
    episode = make_episode(SPEC, column(1.0, 0.1, 0.3, 1.0, 0.2))
    effort = measure_effort(episode, np.array([False, True, True, False, True]))
    np.testing.assert_allclose(effort.rms, [LIMIT_V * np.sqrt((0.01 + 0.09 + 0.04) / 3)])
    np.testing.assert_allclose(effort.variation_per_s, [0.2 * LIMIT_V * RATE])


def test_no_change_is_made_up_over_a_gap() -> None:
    episode = make_episode(SPEC, column(0.0, 1.0, 0.5), index=np.array([0, 7, 8]))
    effort = measure_effort(episode, np.ones(3, bool))
    np.testing.assert_allclose(effort.variation_per_s, [0.5 * LIMIT_V * RATE])


def test_never_at_the_goal_is_no_number() -> None:
    effort = measure_effort(make_episode(SPEC, column(1.0, 0.1)), np.zeros(2, bool))
    assert np.isnan(effort.rms).all() and np.isnan(effort.variation_per_s).all()
