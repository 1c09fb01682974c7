"""Rewards for imagined steps against the environments' own."""

import numpy as np
import pytest
import torch

from launch.studies.learn_envs import make_learning_env
from robot_mbrl.tasks.classic import CartPoleSwingUp, InvertedPendulumV5, PendulumV1


def roll(name: str, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Observations reached (T, O), actions in [-1, 1] (T, A), rewards (T,), terminations (T,)."""
    env = make_learning_env(name)
    rng, columns = np.random.default_rng(seed), []
    env.reset(seed=seed)
    for _ in range(steps):
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        obs, reward, ended, truncated, _ = env.step(action)
        columns.append((obs, action, reward, ended))
        if ended or truncated:
            break
    env.close()
    obs, actions, rewards, ended = (np.array(c) for c in zip(*columns, strict=True))
    return obs, actions, rewards, ended


def test_pendulum_rewards_the_state_one_step_later() -> None:
    obs, actions, rewards, _ = roll("Pendulum-v1", 150, seed=3)
    task = PendulumV1()
    # The state reached by step t is the one that step t + 1 leaves and is rewarded for.
    ours = task.reward(obs[:-1].astype(np.float64), actions[1:])
    np.testing.assert_allclose(ours, rewards[1:], atol=1e-4)
    assert not task.terminated(obs).any()


def test_inverted_pendulum_rewards_and_ends_as_the_environment_does() -> None:
    obs, actions, rewards, ended = roll("InvertedPendulum-v5", 100, seed=1)
    task = InvertedPendulumV5()
    assert ended[-1] and not ended[:-1].any()
    np.testing.assert_array_equal(task.terminated(obs), ended)
    np.testing.assert_array_equal(task.reward(obs, actions), rewards)


def test_cart_pole_rewards_the_tip_for_being_near_its_goal() -> None:
    task, length = CartPoleSwingUp(), 0.6
    for x, angle, u in [(0.0, np.pi, 0.0), (0.3, 0.7, 1.0), (-1.0, -2.5, -0.5)]:
        tip = np.array([x - length * np.sin(angle), -length * np.cos(angle)])
        distance = np.linalg.norm(tip - [0.0, length])
        expected = np.exp(-((distance / length) ** 2)) - 0.01 * (3 * u) ** 2
        obs = np.array([x, np.cos(angle), np.sin(angle), 9.0, 9.0])
        assert task.reward(obs, np.array([u])) == pytest.approx(expected)
        assert not task.terminated(obs)


TASKS = (PendulumV1(), InvertedPendulumV5(), CartPoleSwingUp())


@pytest.mark.parametrize("task", TASKS, ids=["pendulum", "inverted", "cart-pole"])
def test_torch_and_numpy_agree(task: PendulumV1 | InvertedPendulumV5 | CartPoleSwingUp) -> None:
    rng = np.random.default_rng(0)
    obs, action = rng.standard_normal((9, 5)), rng.uniform(-1, 1, (9, 1))
    ours = task.reward(torch.as_tensor(obs), torch.as_tensor(action), xp=torch)
    np.testing.assert_allclose(ours.numpy(), task.reward(obs, action), atol=1e-6)
