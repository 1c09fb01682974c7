"""What acts."""

import numpy as np
import torch

from robot_mbrl.learning.actors import PolicyController, actor_policy
from robot_mbrl.networks.actor import Actor


def test_actor_policy_is_deterministic_and_takes_float64() -> None:
    actor = Actor(3, 2, 8, torch.Generator().manual_seed(0))
    obs = np.random.default_rng(0).standard_normal((5, 3))
    act = actor_policy(actor)
    np.testing.assert_array_equal(act(obs), act(obs))
    np.testing.assert_allclose(act(obs), actor.act(torch.as_tensor(obs).float()).detach().numpy())


def test_a_policy_is_a_controller_without_doubt() -> None:
    controller = PolicyController(lambda obs: obs[:, :2] / 2)
    controller.reset()
    output = controller.act(np.array([0.5, -1.0, 3.0]))
    assert output.action.tolist() == [0.25, -0.5]
    assert output.plan.shape == (1, 2) and output.disagreement.tolist() == [0.0]
    assert output.predicted_mean.tolist() == [0.5, -1.0, 3.0]
