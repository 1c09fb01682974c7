"""The error of known predictions as a share of coasting's."""

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.open_loop import Starts
from robot_mbrl.models.judging.relative_error import coast, relative_error
from tests.support.coasting import biased, layout

PACE = np.array([0.5, -2.0])


def walk(ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """Two columns that grow by PACE each tick."""
    return np.arange(ticks + 1)[:, None] * PACE, np.zeros((ticks, 1))


def walker(pace: np.ndarray) -> DynamicsEnsemble:
    """A model that predicts `pace` everywhere."""
    model = DynamicsEnsemble(PlainLayout(2, 1), 3, 4, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    with torch.no_grad():
        model.layers[2].weight.zero_()
        model.layers[2].bias.zero_()
    model.outputs.mean.copy_(torch.as_tensor(pace))
    model.outputs.std.copy_(torch.tensor([0.5, 2.0]))
    return model


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0, 3.0])
def test_a_model_that_misses_a_share_of_each_step_has_that_error(share: float) -> None:
    error = relative_error(walker((1 - share) * PACE), [walk(9), walk(6)], 5)
    np.testing.assert_allclose(error, [share] * 5, atol=1e-6)


def test_coordinates_count_in_units_of_their_spread() -> None:
    """Of two columns with equal travel in units of their spread, one is missed altogether."""
    error = relative_error(walker(PACE * [1, 0]), [walk(5)], 3)
    np.testing.assert_allclose(error, [np.sqrt(0.5)] * 3, atol=1e-6)


def test_coasting_keeps_the_velocity_of_a_robot() -> None:
    """And a model that predicts just that is no better than none."""
    plant, rng = layout(), np.random.default_rng(0)
    obs = rng.standard_normal((1, 8, plant.size))
    starts = Starts(obs, np.zeros((1, 7, plant.action_size)))
    path = coast(plant, starts)[0]
    np.testing.assert_allclose(path, np.tile(path[0], (7, 1)), atol=1e-9)
    np.testing.assert_allclose(path[0], plant.velocities(obs[0, 0]) * plant.dt)
    error = relative_error(biased(0.0, elites=[0]), [(obs[0], starts.actions[0])], 4)
    np.testing.assert_allclose(error, np.ones(4), rtol=1e-5)


def test_stretches_that_are_too_short_are_told() -> None:
    with pytest.raises(DataError, match="no stretch is longer than 6 ticks"):
        relative_error(walker(PACE), [walk(5)], 6)
