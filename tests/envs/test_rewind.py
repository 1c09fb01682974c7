"""Environments come back to where they were: each that `bench learn` knows, by its own engine."""

import gymnasium
import numpy as np
import pytest

from launch.studies.learn_envs import make_learning_env
from robot_mbrl.contract.errors import DataError
from robot_mbrl.envs.rewind import begin, mark, next_start, rewind, start_with
from sim.envs.cartpole import NAME as CART_POLE  # the import registers it


@pytest.mark.parametrize("name", ["Pendulum-v1", "InvertedPendulum-v5", CART_POLE, "furuta"])
@pytest.mark.parametrize("first", [True, False])
def test_the_rest_of_an_episode_is_the_same(name: str, first: bool) -> None:
    env, rng = make_learning_env(name), np.random.default_rng(0)
    start = start_with(4)
    obs = begin(env, start)
    if not first:
        for _ in range(3):
            env.step(np.zeros(1, np.float32))
        start = next_start(env)
        obs = begin(env, start)
    actions = rng.uniform(-0.1, 0.1, (40, 1)).astype(np.float32)
    seen = [np.float32(obs)] + [np.float32(env.step(a)[0]) for a in actions]

    again = make_learning_env(name)
    again.reset(seed=99)
    rewind(again, start, actions[:15].tolist(), [mark(x) for x in seen[:16]])
    later = [np.float32(again.step(a)[0]) for a in actions[15:]]
    np.testing.assert_array_equal(later, seen[16:])
    # and the next episode
    np.testing.assert_array_equal(*(begin(e, next_start(e)) for e in (env, again)))


def test_a_time_limit_counts_the_repeated_steps() -> None:
    env = gymnasium.make("Pendulum-v1")
    obs = [begin(env, start_with(0))]
    zeros = np.zeros((199, 1), np.float32)
    obs += [env.step(a)[0] for a in zeros]
    again = gymnasium.make("Pendulum-v1")
    again.reset()
    rewind(again, start_with(0), zeros.tolist(), [mark(x) for x in obs])
    assert again.step(zeros[0])[3]  # the 200th: truncated


def test_other_observations_are_told_with_their_tick() -> None:
    env = gymnasium.make("Pendulum-v1")
    obs = np.array([begin(env, start_with(0))] + [env.step(np.zeros(1, np.float32))[0]] * 2)
    obs[2] += 1
    env.reset()
    with pytest.raises(DataError, match="after the same 2 actions"):
        rewind(env, start_with(0), [[0.0], [0.0]], [mark(x) for x in obs])
