"""The settings of `bench learn` fit their environments and keep their budgets."""

import numpy as np
import pytest

from launch.bench import LearnBench
from launch.bench_learn import evaluate_policy, learn, make_env, summarize
from launch.learn_settings import SETTINGS, find_setting
from robot_mbrl.agents.pets import Pets
from robot_mbrl.contract.errors import DataError
from robot_mbrl.models.reward import LearnedTask


@pytest.mark.parametrize(("env", "agent"), SETTINGS)
def test_agents_fit_their_environment(env: str, agent: str) -> None:
    setting, world = find_setting(env, agent), make_env(env)
    obs, _ = world.reset(seed=0)
    layout = setting.layout
    assert obs.shape == (layout.size,) and world.action_space.shape == (layout.action_size,)
    made = setting.make_agent(setting.task, 10, seed=0)
    assert made.explore(obs[None].astype(np.float32)).shape == (1, layout.action_size)
    if isinstance(made, Pets):
        assert made.rows_per_action <= 20_000  # of the published 1,000,000


def test_angles_of_an_observation_are_on_the_circle() -> None:
    for name, agent in SETTINGS:
        layout = find_setting(name, agent).layout
        obs, _ = make_env(name).reset(seed=1)
        for cosine, sine in getattr(layout, "angles", ()):
            assert obs[cosine] ** 2 + obs[sine] ** 2 == pytest.approx(1.0)


def test_what_there_is_not_is_refused_with_what_there_is() -> None:
    with pytest.raises(DataError, match="--env Pendulum-v1 --agent pets"):
        find_setting("Hopper-v5", "mbpo")


def test_evaluations_start_from_the_same_states() -> None:
    returns = [evaluate_policy("Pendulum-v1", lambda o: np.zeros((len(o), 1)), 3) for _ in "ab"]
    np.testing.assert_array_equal(*returns)
    assert len(set(returns[0].tolist())) == 3


@pytest.mark.slow
@pytest.mark.parametrize("learned", [False, True])
def test_a_short_run_is_told_in_one_line(learned: bool) -> None:
    bench = LearnBench(
        env="CartPoleSwingUp-v0", agent="pets", steps=210, episodes=1, learned_reward=learned
    )
    row = learn(bench.env, 0, bench, lambda *_: None)
    assert [t["steps"] for t in row["trials"]] == [200.0]
    assert row["learned_reward"] is learned
    text = summarize(row)
    assert "CartPoleSwingUp-v0 pets seed 0" in text and "of 1 trials" in text


def test_a_learned_task_is_made_for_the_layout() -> None:
    setting = find_setting("Pendulum-v1", "mbpo")
    task = setting.learned_task(0)
    assert isinstance(task, LearnedTask)
    assert task.reward(np.zeros((4, 3)), np.zeros((4, 1))).shape == (4,)
