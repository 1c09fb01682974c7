"""Open-loop errors against closed forms."""

import numpy as np
import pytest

from robot_mbrl.contract.errors import DataError, ShapeError
from robot_mbrl.models.judging.open_loop import (
    ForecastError,
    Starts,
    forecast_error,
    predict_increments,
)
from tests.models.judging.test_rollout_error import biased, coasting, layout

TICKS = 4


def starts() -> Starts:
    plant = layout(1.0)
    return Starts.cut([coasting(plant, 9), coasting(plant, 3), coasting(plant, 11)], TICKS)


def test_windows_never_join_pieces_and_short_pieces_give_none() -> None:
    s = starts()
    assert s.obs.shape[:2] == (5 + 7, TICKS + 1)
    assert s.actions.shape[:2] == (12, TICKS)


def test_only_short_pieces_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match="record longer"):
        Starts.cut([coasting(layout(1.0), TICKS)], TICKS)


def test_a_constant_surplus_adds_up_in_position_and_stands_in_velocity() -> None:
    plant, s = layout(1.0), starts()
    true_dq = plant.increments(s.obs[:, :-1], s.obs[:, 1:])
    error = forecast_error(plant, s, true_dq + 1e-3)
    expected = 1e-3 * np.arange(1, TICKS + 1)
    np.testing.assert_allclose(error.position_rad[3, :, 1], expected, atol=1e-9)
    np.testing.assert_allclose(error.velocity_rad_s, 1e-3 / plant.dt, atol=1e-6)


def test_an_ensemble_with_a_bias_errs_by_the_triangular_numbers() -> None:
    """The bias is fed back through the velocity: b k (k + 1) / 2 after k ticks."""
    model, s = biased(layout(1.0), [2e-3, 0.0]), starts()
    error = forecast_error(model.layout, s, predict_increments(model, s))
    k = np.arange(1, TICKS + 1)
    np.testing.assert_allclose(error.position_rad[0, :, 0], 2e-3 * k * (k + 1) / 2, atol=5e-6)
    np.testing.assert_allclose(error.position_rad[0, :, 1], 0.0, atol=5e-6)


def test_summary_tells_a_push_from_the_typical_error() -> None:
    q = np.zeros((5, TICKS, 1))
    q[:, -1, 0] = [0.1, -0.1, 0.1, -0.1, 1.0]
    summary = ForecastError(q, 3 * q).summary()
    assert summary["median_rad"] == pytest.approx(0.1)
    assert summary["rms_rad"] == pytest.approx(np.sqrt(1.04 / 5))
    assert summary["rms_rad_s"] == pytest.approx(3 * np.sqrt(1.04 / 5))


def test_increments_of_another_number_of_windows_are_refused() -> None:
    with pytest.raises(ShapeError):
        forecast_error(layout(1.0), starts(), np.zeros((3, TICKS, 2)))
