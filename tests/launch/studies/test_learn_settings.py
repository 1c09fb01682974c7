"""The settings of `bench learn` fit their environments and keep their budgets."""

from dataclasses import replace

import numpy as np
import pytest

from launch.studies.learn import Settings, learn, summarize
from launch.studies.learn_envs import evaluate_policy, gym_returns, make_learning_env
from launch.studies.learn_settings import SETTINGS, ReferenceSetting, Setting, find_setting
from robot_mbrl.agents.pets import Pets, PetsConfig
from robot_mbrl.contract.errors import DataError
from robot_mbrl.models.learned_task import LearnedTask

OURS = {key: s for key, s in SETTINGS.items() if isinstance(s, Setting)}


@pytest.mark.parametrize(("env", "agent"), OURS)
def test_agents_fit_their_environment(env: str, agent: str) -> None:
    setting, world = OURS[env, agent], make_learning_env(env)
    obs, _ = world.reset(seed=0)
    layout = setting.layout
    assert obs.shape == (layout.size,) and world.action_space.shape == (layout.action_size,)
    made = setting.make_agent(setting.task, 10, seed=0)
    assert made.explore(obs[None].astype(np.float32)).shape == (1, layout.action_size)
    if isinstance(made, Pets):
        assert made.rows_per_action <= 20_000  # of the published 1,000,000


def test_angles_of_an_observation_are_on_the_circle() -> None:
    for (name, _agent), setting in OURS.items():
        layout = setting.layout
        obs, _ = make_learning_env(name).reset(seed=1)
        for cosine, sine in getattr(layout, "angles", ()):
            assert obs[cosine] ** 2 + obs[sine] ** 2 == pytest.approx(1.0)


def test_what_there_is_not_is_refused_with_what_there_is() -> None:
    with pytest.raises(DataError, match="--env Pendulum-v1 --agent pets"):
        find_setting("Hopper-v5", "mbpo")


def test_evaluations_start_from_the_same_states() -> None:
    returns = [gym_returns("Pendulum-v1", lambda o: np.zeros((len(o), 1)), 3) for _ in "ab"]
    np.testing.assert_array_equal(*returns)
    assert len(set(returns[0].tolist())) == 3


@pytest.mark.slow
@pytest.mark.parametrize("learned", [False, True])
def test_a_short_run_is_summed_up_in_one_line(
    learned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a planner and a fit that are smaller than the setting's."""
    key = "CartPoleSwingUp-v0", "pets"
    setting = OURS[key]
    assert isinstance(setting.agent, PetsConfig)
    agent = replace(setting.agent, planner=replace(setting.agent.planner, horizon=3, candidates=12))
    online = replace(setting.online, fit=replace(setting.online.fit, steps=50))
    monkeypatch.setitem(SETTINGS, key, replace(setting, agent=agent, online=online))
    bench = Settings(env=key[0], agent="pets", steps=210, episodes=1, learned_reward=learned)
    row = learn(bench.env, 0, bench, lambda *_: None)
    assert [t["steps"] for t in row["trials"]] == [200.0]
    assert row["learned_reward"] is learned
    text = summarize(row)
    assert "CartPoleSwingUp-v0 pets seed 0" in text and "of 1 trials" in text


def test_a_learned_task_is_made_for_the_layout() -> None:
    setting = OURS["Pendulum-v1", "mbpo"]
    task = setting.learned_task(0)
    assert isinstance(task, LearnedTask)
    assert task.reward(np.zeros((4, 3)), np.zeros((4, 1))).shape == (4,)


def test_a_robot_is_evaluated_by_success_on_one_machine() -> None:
    found = evaluate_policy("furuta", lambda o: np.zeros((len(o), 1), np.float32), 3)
    assert found["success"] == 0.0 and found["episodes"] == 3.0
    env = make_learning_env("furuta")
    drawn = [env.reset(seed=k)[1]["parameters"] for k in (0, 1)]
    changed = {key for key in drawn[0] if drawn[0][key] != drawn[1][key]}
    assert changed and all(key.startswith("initial.") for key in changed)


@pytest.mark.slow
def test_the_reference_is_evaluated_as_we_are() -> None:
    pytest.importorskip("stable_baselines3")
    assert isinstance(find_setting("Pendulum-v1", "sac"), ReferenceSetting)
    bench = Settings(agent="sac", steps=300, episodes=2, evaluate_every=150)
    rows = [learn(bench.env, 0, bench, lambda *_: None) for _ in "ab"]
    steps, costs = ([c[key] for c in rows[0]["curve"]] for key in ("steps", "cpu_s"))
    assert steps == [150.0, 300.0] and 0 < costs[0] < costs[1]
    first, second = ([c["return"] for c in r["curve"]] for r in rows)
    assert first == second
