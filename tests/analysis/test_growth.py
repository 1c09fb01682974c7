"""Error growth of members whose bias is known."""

import numpy as np
import pytest

from robot_mbrl.analysis.growth import measure_growth
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.judging.open_loop import member_increments, predict_increments
from tests.support.coasting import biased, coast, layout

STEPS = 6


def windows(count: int = 9):
    return Windows.sample(coast(30).segments, STEPS, count, np.random.default_rng(0))


def test_a_bias_grows_as_k_times_k_plus_one_half():
    """Velocity is off by b / dt more each tick, and every tick adds it to the position."""
    bias = np.array([0.0, 1e-3, -3e-3])
    growth = measure_growth(biased(*bias, elites=[0, 1]), windows())
    k = np.arange(1, STEPS + 1)
    for e, b in enumerate(np.abs(bias)):
        for j in range(2):
            np.testing.assert_allclose(growth.members[e, :, j], b * k * (k + 1) / 2, atol=5e-6)
            velocity = growth.members[e, :, 2 + j]
            np.testing.assert_allclose(velocity, b * k / layout().dt, atol=3e-4)
    mean = 0.5e-3  # of the elites; the third member is not used
    np.testing.assert_allclose(growth.mean[:, 0], mean * k * (k + 1) / 2, atol=5e-6)
    assert growth.elites == (0, 1) and growth.starts == 9


def test_columns_are_positions_then_velocities_of_every_joint():
    growth = measure_growth(biased(0.0, elites=[0]), windows())
    assert growth.columns == (
        "slide position (rad)", "hinge position (rad)",
        "slide velocity (rad/s)", "hinge velocity (rad/s)",
    )  # fmt: skip
    assert growth.members.shape == (1, STEPS, 4)


def test_constant_velocity_is_exact_for_a_machine_that_coasts():
    growth = measure_growth(biased(1.0, elites=[0]), windows())
    assert growth.constant_velocity.max() == pytest.approx(0.0, abs=1e-9)


def test_a_single_member_is_its_own_mean():
    model, cut = biased(2e-3, elites=[0]), windows()
    np.testing.assert_allclose(
        member_increments(model, cut)[0], predict_increments(model, cut), atol=1e-7
    )
