"""Rewards for imagined steps against the environments' own."""

import numpy as np
import pytest
import torch

from launch.bench_learn import make_env
from robot_mbrl.tasks.classic import InvertedPendulumV5, PendulumV1


def roll(name: str, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Observations reached (T, O), actions in [-1, 1] (T, A), rewards (T,), terminations (T,)."""
    env = make_env(name)
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


@pytest.mark.parametrize("task", [PendulumV1(), InvertedPendulumV5()], ids=["pendulum", "inverted"])
def test_torch_and_numpy_agree(task: PendulumV1 | InvertedPendulumV5) -> None:
    rng = np.random.default_rng(0)
    obs, action = rng.standard_normal((9, 4)), rng.uniform(-1, 1, (9, 1))
    ours = task.reward(torch.as_tensor(obs), torch.as_tensor(action), xp=torch)
    np.testing.assert_allclose(ours.numpy(), task.reward(obs, action), atol=1e-6)
