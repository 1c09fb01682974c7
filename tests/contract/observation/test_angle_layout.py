"""Columns on a circle: what is predicted turns them, and nothing leaves the circle."""

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.observation.angle_layout import AngleLayout

LAYOUT = AngleLayout(6, 2, angles=((1, 2), (5, 3)))  # x, cos a, sin a, sin b, v, cos b


def observe(x: float, a: float, b: float, v: float) -> np.ndarray:
    return np.array([x, np.cos(a), np.sin(a), np.sin(b), v, np.cos(b)])


def test_angles_turn_and_other_columns_move() -> None:
    dq = np.array([0.5, 0.3, -1.0, -4.0])  # x, a, v, b: in the order of columns
    after = LAYOUT.advance(observe(1.0, 0.2, -3.0, 2.0), dq, np.zeros(2))
    np.testing.assert_allclose(after, observe(1.5, 0.5, -7.0, 1.0), atol=1e-12)
    assert LAYOUT.joints == ("column 0", "angle 1", "column 4", "angle 5")
    assert LAYOUT.columns[1:4] == ("angle 1.cos", "angle 1.sin", "angle 5.sin")
    assert len(LAYOUT.alpha) == 4


def test_increments_invert_advance_across_the_seam() -> None:
    rng = np.random.default_rng(0)
    obs = np.stack([observe(*rng.uniform(-4, 4, 4)) for _ in range(50)])
    dq = rng.uniform(-3, 3, (50, 4))
    after = LAYOUT.advance(obs, dq, np.zeros((50, 2)))
    np.testing.assert_allclose(LAYOUT.increments(obs, after), dq, atol=1e-9)
    np.testing.assert_allclose(after[:, 1] ** 2 + after[:, 2] ** 2, 1.0)
    assert LAYOUT.velocities(obs).shape == (50, 4) and not LAYOUT.velocities(obs).any()


def test_torch_and_numpy_agree() -> None:
    obs, dq = observe(0.1, 2.0, -1.0, 0.3)[None], np.array([[0.1, -0.2, 0.3, 0.4]])
    ours = LAYOUT.advance(torch.as_tensor(obs), torch.as_tensor(dq), None, xp=torch)
    np.testing.assert_allclose(ours.numpy(), LAYOUT.advance(obs, dq, None))


def test_columns_may_lie_along_the_last_axis_but_one() -> None:
    rng = np.random.default_rng(0)
    obs, dq = rng.standard_normal((3, 5, 6)), rng.standard_normal((3, 5, 4))
    turned = LAYOUT.advance(obs.swapaxes(1, 2), dq.swapaxes(1, 2), None, axis=-2)
    np.testing.assert_array_equal(turned.swapaxes(1, 2), LAYOUT.advance(obs, dq, None))
    assert LAYOUT.velocities(obs.swapaxes(1, 2), axis=-2).shape == (3, 4, 5)


@pytest.mark.parametrize("angles", [((0, 0),), ((0, 1), (1, 2)), ((0, 6),), ((-1, 2),)])
def test_pairs_that_make_no_sense_are_refused(angles: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(SettingsError, match="from 0 to 5"):
        AngleLayout(6, 1, angles)
