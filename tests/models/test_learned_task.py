"""Learned reward and termination: their losses, what they learn, and that they are used alike."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.learned_task import LearnedTask, RewardFitConfig

FIT = RewardFitConfig(steps=250, batch=128, lr=5e-3)


def rows(count: int, seed: int, wall: float = 1.0) -> Transitions:
    """Reward 100 - 30 x^2 + 5 u; ends where x > wall. Only next_obs matters."""
    rng = np.random.default_rng(seed)
    obs = rng.uniform(-2, 2, (count, 2)).astype(np.float32)
    action = rng.uniform(-1, 1, (count, 1)).astype(np.float32)
    reward = 100 - 30 * obs[:, 0] ** 2 + 5 * action[:, 0]
    return Transitions(0 * obs, action, obs, reward.astype(np.float32), obs[:, 0] > wall)


def task(seed: int = 0) -> LearnedTask:
    return LearnedTask(2, 1, 24, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def fitted() -> LearnedTask:
    learned = task()
    learned.fit(rows(1500, 0), rows(300, 1), FIT, np.random.default_rng(0))
    return learned


def silence(learned: LearnedTask, reward: float, logit: float) -> None:
    """Make both networks constant."""
    with torch.no_grad():
        for net, value in ((learned.reward_net, reward), (learned.termination_net, logit)):
            net.layers[2].weight.zero_()
            net.layers[2].bias.fill_(value)


def test_losses_are_the_closed_forms_of_constant_predictions() -> None:
    """Of normalized targets the squared error of a constant c is 1 + c^2; cross entropy is
    softplus(z) - z (share of terminations)."""
    learned, t = task(), rows(400, 0)
    learned._set_statistics(t)
    tensors = [torch.as_tensor(c).float() for c in (t.next_obs, t.action, t.reward, t.terminated)]
    for c, z in [(0.0, 0.0), (0.7, -1.3)]:
        silence(learned, c, z)
        squared, entropy = learned.losses(*tensors)
        assert squared.item() == pytest.approx(1 + c**2, rel=1e-4)
        share = float(t.terminated.mean())
        assert entropy.item() == pytest.approx(math.log1p(math.exp(z)) - z * share, rel=1e-4)


def test_the_report_is_in_the_rewards_unit() -> None:
    learned, t = task(), rows(400, 0)
    config = replace(FIT, steps=0)
    silence(learned, 0.0, 0.0)
    report = learned.fit(t, t, config, np.random.default_rng(0))
    assert report.reward_error == pytest.approx(float(t.reward.std()), rel=1e-4)
    assert report.termination_loss == pytest.approx(math.log(2), rel=1e-4)


def test_reward_and_termination_are_learned(fitted: LearnedTask) -> None:
    t = rows(1000, 2)
    error = fitted.reward(t.next_obs, t.action) - t.reward
    assert np.sqrt((error**2).mean()) < 0.1 * t.reward.std()
    assert (fitted.terminated(t.next_obs) == t.terminated).mean() > 0.97


def test_numpy_torch_and_any_leading_shape_agree(fitted: LearnedTask) -> None:
    t = rows(12, 3)
    flat = fitted.reward(t.next_obs, t.action)
    obs, action = torch.as_tensor(t.next_obs), torch.as_tensor(t.action)
    shaped = fitted.reward(obs.reshape(3, 4, 2), action.reshape(3, 4, 1), xp=torch)
    assert isinstance(flat, np.ndarray) and shaped.shape == (3, 4)
    np.testing.assert_allclose(shaped.detach().numpy().ravel(), flat, rtol=1e-4, atol=1e-4)
    ended = fitted.terminated(obs.reshape(3, 4, 2), xp=torch)
    np.testing.assert_array_equal(ended.numpy().ravel(), fitted.terminated(t.next_obs))


def test_nothing_terminates_where_nothing_ever_did() -> None:
    learned = task()
    silence(learned, 0.0, 5.0)
    t = rows(50, 0, wall=99.0)
    learned.fit(t, t, replace(FIT, steps=0), np.random.default_rng(0))
    assert not learned.terminated(t.next_obs).any()
    t = rows(50, 0)
    learned.fit(t, t, replace(FIT, steps=0), np.random.default_rng(0))
    assert learned.terminated(t.next_obs).all()


def test_more_steps_and_a_learning_rate_matter() -> None:
    errors = []
    for config in (replace(FIT, steps=5), replace(FIT, steps=60), replace(FIT, steps=60, lr=1e-6)):
        report = task().fit(rows(400, 0), rows(200, 1), config, np.random.default_rng(0))
        errors.append(report.reward_error)
    assert errors[1] < 0.8 * errors[0] and errors[1] < 0.8 * errors[2]


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="held-out rows"):
        task().fit(rows(5, 0), rows(0, 0), FIT, np.random.default_rng(0))
