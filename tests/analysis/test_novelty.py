"""Faster motion, ranks and tenths."""

import numpy as np
import pytest
import torch

from robot_mbrl.analysis.coverage import predict_recording
from robot_mbrl.analysis.novelty import SPEEDS, auroc, faster, measure_novelty
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows
from tests.support.coasting import SPEED, biased, coast, layout


def windows(ticks: int = 3):
    return Windows.sample(coast(30, start=0.3).segments, ticks, 12, np.random.default_rng(0))


def test_the_same_speed_gives_the_same_observation():
    cut = windows()
    obs, action = faster(layout(), cut, 1.0)
    np.testing.assert_allclose(obs, cut.obs[:, -2], atol=1e-9)
    np.testing.assert_array_equal(action, cut.action[:, -1])


@pytest.mark.parametrize("speed", [2.0, 5.0])
def test_a_faster_motion_is_a_consistent_observation(speed):
    obs, _ = faster(layout(), windows(), speed)
    at = layout().column
    np.testing.assert_allclose(layout().velocities(obs), speed * SPEED, rtol=1e-6)
    np.testing.assert_allclose(obs[:, at("hinge.velocity[-1]")], speed * SPEED, rtol=1e-6)
    np.testing.assert_allclose(obs[:, at("hinge.sin")] ** 2 + obs[:, at("hinge.cos")] ** 2, 1.0)
    step = obs[:, at("slide.position")] - obs[:, at("slide.position[-1]")]
    np.testing.assert_allclose(step, speed * SPEED * layout().dt, rtol=1e-6)


def test_auroc():
    inside = np.array([1.0, 2.0, 3.0, 4.0])
    assert auroc(inside, inside) == 0.5
    assert auroc(inside, inside + 10) == 1.0
    assert auroc(inside, inside - 10) == 0.0
    assert auroc(inside, np.array([2.5])) == 0.5
    assert auroc(inside, np.array([3.0, 3.5])) == pytest.approx((2.5 + 3) / 8)


class BySpeed:
    """Members that part in proportion to speed: disagreement 0.01 |v|."""

    def __init__(self) -> None:
        self.inner = biased(0.0, 0.0, elites=[0, 1])

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def increments(self, obs: torch.Tensor, action: torch.Tensor):
        mean, std = self.inner.increments(obs, action)
        sign = torch.tensor([1.0, -1.0])[:, None, None]
        return mean + 0.01 * sign * self.layout.velocities(obs), std


def test_disagreement_tells_speeds_that_were_never_seen():
    model, recordings = BySpeed(), [coast(40), coast(40, start=1.0)]
    training = coast(50)
    rows = Transitions(
        *(x.astype(np.float32) for x in (training.obs, training.action, training.next_obs)),
        np.zeros(50, np.float32),
        np.zeros(50, bool),
    )
    predicted = [predict_recording(model, r) for r in recordings]
    limit = 0.01 * SPEED * 1.75
    n = measure_novelty(model, rows, recordings, predicted, limit, np.random.default_rng(0))
    assert n.names[:2] == ("replay buffer", "held out")
    assert n.names[2:] == tuple(f"held out, {s:g} x as fast" for s in SPEEDS)
    np.testing.assert_allclose(
        n.quantiles[:, 2], 0.01 * SPEED * np.array([1, 1, *SPEEDS]), rtol=1e-3
    )
    assert n.above.tolist() == [0, 0, 0, 1, 1, 1]
    assert n.auroc[2:].tolist() == [1] * 4
    assert n.bin_disagreement.shape == n.bin_error.shape == n.bin_z.shape == (10,)
