"""Open-loop error of models whose error is known."""

import numpy as np
import pytest
import torch

from robot_mbrl.contract import ObservationLayout, Observer
from robot_mbrl.contract.errors import DataError
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.rollout_error import rollout_error
from tests.support.robots import toy_layout


def layout(alpha: float) -> ObservationLayout:
    return toy_layout(joints=("slide", "hinge"), wraps=(False, True), alpha=(alpha, alpha))


def coasting(
    layout: ObservationLayout, ticks: int, speed: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """An episode at constant speed: the filter has settled, so dq = v dt exactly."""
    observer = Observer(layout)
    observer.reset(np.zeros(2))
    action = np.zeros(2)
    path = [
        observer.update(np.full(2, k * speed * layout.dt), action) for k in range(1, ticks + 80)
    ]
    return np.array(path[79:]), np.zeros((ticks, 2))


def biased(layout: ObservationLayout, bias: list[float], members: int = 3) -> DynamicsEnsemble:
    """Every member predicts constant velocity plus a bias in rad per tick."""
    model = DynamicsEnsemble(layout, members, 4, torch.Generator())
    model.layers[2].weight.data.zero_()
    model.layers[2].bias.data[..., :2] = torch.tensor(bias)
    return model


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_perfect_model_has_no_error(alpha: float) -> None:
    episode = coasting(layout(alpha), 30)
    error = rollout_error(biased(layout(alpha), [0.0, 0.0]), [episode], 7)
    assert (
        error.position_rad.shape == error.velocity_rad_s.shape == error.median_rad.shape == (7, 2)
    )
    assert error.position_rad.max() < 2e-6
    assert error.velocity_rad_s.max() < 2e-5
    assert error.starts == 30 - 7


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_bias_feeds_back_through_the_velocity_filter(alpha: float) -> None:
    """e = v dt + b and v += alpha (e / dt - v), summed: with alpha 1 the gap is b k (k + 1) / 2."""
    bias, dt = 1e-3, 0.02
    error = rollout_error(
        biased(layout(alpha), [bias, -2 * bias]), [coasting(layout(alpha), 30)], 6
    )
    gap, slip = 0.0, 0.0
    for k in range(6):
        step = slip * dt + bias
        gap, slip = gap + step, slip + alpha * (step / dt - slip)
        assert error.position_rad[k] == pytest.approx([gap, 2 * gap], rel=2e-3)
        assert error.median_rad[k] == pytest.approx([gap, 2 * gap], rel=2e-3)
        assert error.velocity_rad_s[k] == pytest.approx([slip, 2 * slip], rel=2e-3)
        if alpha == 1:
            assert gap == pytest.approx(bias * (k + 1) * (k + 2) / 2)
    assert error.scalar(6) == pytest.approx(gap * np.sqrt((1 + 4) / 2), rel=2e-3)


def test_error_is_a_root_mean_square_over_starts() -> None:
    """An episode that turns round in the middle: only starts near the turn see an error."""
    plant = layout(1.0)
    path = np.concatenate([np.arange(21), 20 - np.arange(1, 21)]) * 0.01
    observer, zero = Observer(plant), np.zeros(2)
    obs = [observer.reset(np.zeros(2))] + [observer.update(np.full(2, q), zero) for q in path[1:]]
    episode = (np.array(obs)[1:], np.zeros((40, 2)))
    error = rollout_error(biased(plant, [0.0, 0.0]), [episode], 1)
    assert error.starts == 39
    assert error.position_rad[0] == pytest.approx([0.02 / np.sqrt(39)] * 2, rel=1e-3)
    assert error.median_rad[0] == pytest.approx([0, 0], abs=1e-6)


def test_only_elites_predict() -> None:
    plant = layout(1.0)
    model = biased(plant, [0.0, 0.0])
    model.layers[2].bias.data[1, 0, :2] = 0.01
    episode = coasting(plant, 10)
    assert rollout_error(model, [episode], 1).scalar(1) == pytest.approx(0.01 / 3, rel=1e-2)
    model.elites = torch.tensor([0, 2])
    assert rollout_error(model, [episode], 1).scalar(1) < 1e-6


def test_episodes_are_not_joined_and_short_ones_are_skipped() -> None:
    plant = layout(1.0)
    model = biased(plant, [0.0, 0.0])
    a, b = coasting(plant, 12), coasting(plant, 9, speed=-3.0)
    error = rollout_error(model, [a, b, coasting(plant, 5)], 5)
    assert error.starts == 7 + 4
    assert error.position_rad.max() < 2e-6
    with pytest.raises(DataError, match="no stretch is longer than 12 ticks"):
        rollout_error(model, [a, b], 12)
