"""Open-loop errors against closed forms."""

import numpy as np
import pytest
import torch

from robot_mbrl.contract import Observer
from robot_mbrl.contract.errors import ShapeError
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.open_loop import (
    OpenLoopError,
    coast,
    increments_error,
    member_increments,
    open_loop_error,
    predict_increments,
    relative_error,
)
from tests.support.constant_speed import biased, coasting, layout
from tests.support.walker import PACE, walk, walker

TICKS = 4


def windows() -> Windows:
    plant = layout(1.0)
    return Windows.cut([coasting(plant, 9), coasting(plant, 3), coasting(plant, 11)], TICKS)


def of(model: DynamicsEnsemble, segments: list[Segment], ticks: int) -> OpenLoopError:
    return open_loop_error(model, Windows.cut(segments, ticks))


def test_a_constant_surplus_adds_up_in_position_and_stands_in_velocity() -> None:
    plant, s = layout(1.0), windows()
    true_dq = plant.increments(s.obs[:, :-1], s.obs[:, 1:])
    error = increments_error(plant, s, true_dq + 1e-3)
    expected = 1e-3 * np.arange(1, TICKS + 1)
    np.testing.assert_allclose(error.position_rad[3, :, 1], expected, atol=1e-9)
    np.testing.assert_allclose(error.velocity_rad_s, 1e-3 / plant.dt, atol=1e-6)


def test_an_ensemble_with_a_bias_errs_by_the_triangular_numbers() -> None:
    """The bias is fed back through the velocity: b k (k + 1) / 2 after k ticks."""
    model = biased(layout(1.0), [2e-3, 0.0])
    error = open_loop_error(model, windows())
    k = np.arange(1, TICKS + 1)
    np.testing.assert_allclose(error.position_rad[0, :, 0], 2e-3 * k * (k + 1) / 2, atol=5e-6)
    np.testing.assert_allclose(error.position_rad[0, :, 1], 0.0, atol=5e-6)


def test_summary_tells_a_push_from_the_typical_error() -> None:
    q = np.zeros((5, TICKS, 1))
    q[:, -1, 0] = [0.1, -0.1, 0.1, -0.1, 1.0]
    error = OpenLoopError(q, 3 * q)
    summary = error.summary()
    assert summary["median_rad"] == pytest.approx(0.1)
    assert summary["rms_rad"] == pytest.approx(np.sqrt(1.04 / 5))
    assert summary["rms_rad_s"] == pytest.approx(3 * np.sqrt(1.04 / 5))
    assert error.mean_rad() == pytest.approx(1.4 / 5)
    assert error.take(np.arange(4)).summary()["rms_rad"] == pytest.approx(0.1)


def test_increments_of_another_number_of_windows_are_refused() -> None:
    with pytest.raises(ShapeError):
        increments_error(layout(1.0), windows(), np.zeros((3, TICKS, 2)))


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_perfect_model_has_no_error(alpha: float) -> None:
    episode = coasting(layout(alpha), 30)
    error = of(biased(layout(alpha), [0.0, 0.0]), [episode], 7)
    assert error.rms_rad.shape == error.rms_rad_s.shape == error.median_rad.shape == (7, 2)
    assert error.rms_rad.max() < 2e-6
    assert error.rms_rad_s.max() < 2e-5
    assert len(error) == 30 - 7


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_bias_feeds_back_through_the_velocity_filter(alpha: float) -> None:
    """e = v dt + b and v += alpha (e / dt - v), summed: with alpha 1 the gap is b k (k + 1) / 2."""
    bias, dt = 1e-3, 0.02
    error = of(biased(layout(alpha), [bias, -2 * bias]), [coasting(layout(alpha), 30)], 6)
    gap, slip = 0.0, 0.0
    for k in range(6):
        step = slip * dt + bias
        gap, slip = gap + step, slip + alpha * (step / dt - slip)
        assert error.rms_rad[k] == pytest.approx([gap, 2 * gap], rel=2e-3)
        assert error.median_rad[k] == pytest.approx([gap, 2 * gap], rel=2e-3)
        assert error.rms_rad_s[k] == pytest.approx([slip, 2 * slip], rel=2e-3)
        if alpha == 1:
            assert gap == pytest.approx(bias * (k + 1) * (k + 2) / 2)
    assert error.summary(5)["rms_rad"] == pytest.approx(gap * np.sqrt((1 + 4) / 2), rel=2e-3)


def test_error_is_a_root_mean_square_over_starts() -> None:
    """An episode that turns round in the middle: only starts near the turn see an error."""
    plant = layout(1.0)
    path = np.concatenate([np.arange(21), 20 - np.arange(1, 21)]) * 0.01
    observer, zero = Observer(plant), np.zeros(2)
    obs = [observer.reset(np.zeros(2))] + [observer.update(np.full(2, q), zero) for q in path[1:]]
    episode = Segment(np.array(obs)[1:], np.zeros((39, 2)))
    error = of(biased(plant, [0.0, 0.0]), [episode], 1)
    assert len(error) == 39
    assert error.rms_rad[0] == pytest.approx([0.02 / np.sqrt(39)] * 2, rel=1e-3)
    assert error.median_rad[0] == pytest.approx([0, 0], abs=1e-6)


def test_only_elites_predict() -> None:
    plant = layout(1.0)
    model = biased(plant, [0.0, 0.0])
    model.layers[2].bias.data[1, 0, :2] = 0.01
    episode = coasting(plant, 10)
    assert of(model, [episode], 1).summary()["rms_rad"] == pytest.approx(0.01 / 3, rel=1e-2)
    model.elites = torch.tensor([0, 2])
    assert of(model, [episode], 1).summary()["rms_rad"] < 1e-6


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0, 3.0])
def test_a_model_that_misses_a_share_of_each_step_has_that_error(share: float) -> None:
    error = relative_error(walker((1 - share) * PACE), Windows.cut([walk(9), walk(6)], 5))
    np.testing.assert_allclose(error, [share] * 5, atol=1e-6)


def test_coordinates_count_in_units_of_their_spread() -> None:
    """Of two columns with equal travel in units of their spread, one is missed altogether."""
    error = relative_error(walker(PACE * [1, 0]), Windows.cut([walk(5)], 3))
    np.testing.assert_allclose(error, [np.sqrt(0.5)] * 3, atol=1e-6)


def test_coasting_keeps_the_velocity_of_a_robot() -> None:
    """And a model that predicts just that is no better than none."""
    plant, rng = layout(1.0), np.random.default_rng(0)
    obs = rng.standard_normal((1, 8, plant.size))
    one = Windows(obs, np.zeros((1, 7, plant.action_size)))
    path = coast(plant, one)[0]
    np.testing.assert_allclose(path, np.tile(path[0], (7, 1)), atol=1e-9)
    np.testing.assert_allclose(path[0], plant.velocities(obs[0, 0]) * plant.dt)
    error = relative_error(biased(plant, [0.0, 0.0]), one.first(4))
    np.testing.assert_allclose(error, np.ones(4), rtol=1e-5)


def test_members_go_their_own_ways() -> None:
    plant = layout(1.0)
    model = biased(plant, [0.0, 0.0])
    model.layers[2].bias.data[1, 0, :2] = 2e-3
    each = member_increments(model, windows())
    assert each.shape == (3, len(windows()), TICKS, 2)
    k = np.arange(1, TICKS + 1)
    gap = (each[1] - each[0]).cumsum(1)[0, :, 0]
    np.testing.assert_allclose(gap, 2e-3 * k * (k + 1) / 2, atol=1e-5)
    np.testing.assert_allclose(each.mean(0), predict_increments(model, windows()), atol=1e-6)
