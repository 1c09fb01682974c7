"""Learning from scratch: what is stored, when the model is refitted, and that seeds reproduce."""

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from robot_mbrl.agents.mbpo import ImaginationConfig, Mbpo, MbpoConfig
from robot_mbrl.agents.pets import Pets, PetsConfig
from robot_mbrl.agents.sac import SacConfig
from robot_mbrl.contract.plain_layout import PlainLayout
from robot_mbrl.models.ensemble_config import EnsembleConfig
from robot_mbrl.models.fit import FitConfig
from robot_mbrl.models.reward import LearnedTask, RewardFitConfig
from robot_mbrl.online import OnlineConfig, OnlineLearning
from robot_mbrl.planners.icem import IcemConfig

SMALL = MbpoConfig(
    sac=SacConfig(actor_hidden=8, critic_hidden=8, batch=16),
    ensemble=EnsembleConfig(members=2, hidden=8),
    imagination=ImaginationConfig(branches=20, horizon=2, every=10, keep_rounds=2),
    real_share=0.25,
)
CONFIG = OnlineConfig(
    steps=60,
    warmup=30,
    updates_per_step=2,
    fit_every=15,
    evaluate_every=25,
    fit=FitConfig(steps=10, check_every=5, elites=2),
)


class Slide(gymnasium.Env[np.ndarray, np.ndarray]):
    """A mass moved by the action; ends beyond 1, and by time after 12 steps."""

    observation_space = gymnasium.spaces.Box(-10, 10, (2,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.state, self.steps = self.np_random.uniform(-0.1, 0.1, 2), 0
        return self.state.copy(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        self.state = self.state + np.array([0.3 * self.state[1] + 0.05, 0.3 * float(action[0])])
        ended = abs(self.state[0]) > 1
        return self.state.copy(), 7.0, bool(ended), self.steps >= 12, {}


class Centre:
    """Reward for being near 0."""

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return -(next_obs[..., 0] ** 2)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return xp.abs(next_obs[..., 0]) > 1


def learned(
    config: OnlineConfig = CONFIG, seed: int = 0, agent_config: MbpoConfig = SMALL
) -> tuple[Mbpo, OnlineLearning]:
    agent = Mbpo(PlainLayout(2, 1), Centre(), agent_config, config.steps, seed)
    online = OnlineLearning(Slide(), agent, config, lambda steps: {"x": float(steps)}, seed)
    online.run(lambda *_: None)
    return agent, online


def test_every_step_is_stored_with_the_state_it_really_reached() -> None:
    agent, _ = learned()
    data = agent.real.all()
    assert len(data) == CONFIG.steps
    np.testing.assert_allclose(
        data.next_obs[:, 0] - data.obs[:, 0], 0.3 * data.obs[:, 1] + 0.05, atol=1e-6
    )
    # Ends by the wall are terminations, ends by time are not.
    np.testing.assert_array_equal(data.terminated, np.abs(data.next_obs[:, 0]) > 1)
    restarts = np.abs(data.obs[1:] - data.next_obs[:-1]).max(1) > 1e-6
    assert (restarts & ~data.terminated[:-1]).any() or data.terminated.any()


def test_rewards_are_the_tasks_so_that_real_and_imagined_agree() -> None:
    data = learned()[0].real.all()
    np.testing.assert_allclose(data.reward, -(data.next_obs[:, 0] ** 2), rtol=1e-5)


def test_fits_and_evaluations_come_when_they_are_due() -> None:
    agent, online = learned()
    assert len(online.report.holdout_nll) == 2  # after 30 and 45 steps
    assert [e["steps"] for e in online.report.evaluations] == [25.0, 50.0, 60.0]
    assert agent.sac.updates == (CONFIG.steps - CONFIG.warmup) * CONFIG.updates_per_step


def test_held_out_rows_are_never_fitted() -> None:
    _, online = learned(replace(CONFIG, holdout=0.5))
    assert 0.2 < online.held.mean() < 0.8


def test_a_seed_reproduces_a_run_and_another_does_not() -> None:
    weights = [learned(seed=s)[0].sac.actor.layers[0].weight for s in (0, 0, 1)]
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any()


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_imagination_is_used_unless_all_rows_are_real(share: float) -> None:
    agent, _ = learned(agent_config=replace(SMALL, real_share=share))
    assert (len(agent.imagined) > 0) == (share < 1)


def run(agent: Mbpo | Pets, config: OnlineConfig = CONFIG) -> OnlineLearning:
    online = OnlineLearning(Slide(), agent, config, lambda steps: {"x": float(steps)}, 0)
    online.run(lambda *_: None)
    return online


def pets(seed: int = 0) -> Pets:
    planner = IcemConfig(horizon=4, candidates=12, iterations=2, elites=3, proposals=0)
    config = PetsConfig(EnsembleConfig(members=2, hidden=8), planner)
    return Pets(PlainLayout(2, 1), Centre(), config, CONFIG.steps, seed)  # type: ignore[arg-type]


def test_a_planner_learns_online_by_the_same_loop() -> None:
    agents = [pets(seed) for seed in (0, 0, 1)]
    runs = [run(agent) for agent in agents]
    data = [agent.real.all() for agent in agents]
    assert len(data[0]) == CONFIG.steps and len(runs[0].report.holdout_nll) == 2
    np.testing.assert_array_equal(data[0].action, data[1].action)
    assert (data[0].action[CONFIG.warmup :] != data[2].action[CONFIG.warmup :]).any()
    np.testing.assert_allclose(data[0].reward, -(data[0].next_obs[:, 0] ** 2), rtol=1e-5)
    assert agents[0].policy()(np.zeros((3, 2))).shape == (3, 1)


def test_trials_are_told_by_the_environments_own_return() -> None:
    """Seven for every step, up to 12 steps."""
    _, online = learned()
    trials = online.report.trials
    ends = np.array([t["steps"] for t in trials])
    lengths = np.diff(np.concatenate([[0], ends]))
    assert lengths.max() <= 12 and ends[-1] > CONFIG.steps - 12
    np.testing.assert_allclose([t["return"] for t in trials], 7 * lengths)


def test_a_learned_task_learns_what_the_environment_pays_and_when_it_ends() -> None:
    task = LearnedTask(2, 1, 8, torch.Generator().manual_seed(0))
    agent = Mbpo(PlainLayout(2, 1), task, SMALL, 400, 0)  # type: ignore[arg-type]
    fit = RewardFitConfig(steps=150, lr=1e-2)
    run(agent, replace(CONFIG, steps=400, warmup=390, fit_every=100, reward_fit=fit))
    data = agent.real.all()
    assert (data.reward == 7).all()  # the environment's, not the task's guess
    np.testing.assert_allclose(task.reward(data.next_obs, data.action), 7.0, atol=0.1)
    assert (task.terminated(data.next_obs) == data.terminated).mean() > 0.95
    assert len(agent.imagined) > 0
