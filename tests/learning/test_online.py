"""Learning from scratch: what is stored, when the model is refitted, and that seeds reproduce."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robot_mbrl.agents.imagination.schedules import LengthConfig, ShareConfig
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.pets import Pets
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.learning.online import OnlineConfig, OnlineLearning
from robot_mbrl.models.judging.fresh_error import DriftConfig
from robot_mbrl.models.learned_task import RewardFitConfig
from tests.support.slide_env import CONFIG, JUDGED, SMALL, Slide, learned_task, mbpo, pets


def learned(
    config: OnlineConfig = CONFIG, seed: int = 0, agent_config: MbpoConfig = SMALL
) -> tuple[Mbpo, OnlineLearning]:
    agent = mbpo(seed, agent_config, steps=config.steps)
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
    assert online.fits is not None and 0.2 < online.fits.held.mean() < 0.8


def test_a_seed_reproduces_a_run_and_another_does_not() -> None:
    weights = [learned(seed=s)[0].sac.actor.layers[0].weight for s in (0, 0, 1)]
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any()


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_imagination_is_used_unless_all_rows_are_real(share: float) -> None:
    agent, _ = learned(agent_config=replace(SMALL, real_share=share))
    assert (len(agent.imagined) > 0) == (share < 1)


def run(
    agent: Mbpo | Pets, config: OnlineConfig = CONFIG, env: Slide | None = None
) -> OnlineLearning:
    online = OnlineLearning(env or Slide(), agent, config, lambda n: {"x": float(n)}, 0)
    online.run(lambda *_: None)
    return online


def test_a_planner_learns_online_by_the_same_loop() -> None:
    agents = [pets(seed) for seed in (0, 0, 1)]
    runs = [run(agent) for agent in agents]
    data = [agent.real.all() for agent in agents]
    assert len(data[0]) == CONFIG.steps and len(runs[0].report.holdout_nll) == 2
    np.testing.assert_array_equal(data[0].action, data[1].action)
    assert (data[0].action[CONFIG.warmup :] != data[2].action[CONFIG.warmup :]).any()
    np.testing.assert_allclose(data[0].reward, -(data[0].next_obs[:, 0] ** 2), rtol=1e-5)
    assert agents[0].policy()(np.zeros((3, 2))).shape == (3, 1)


def test_trials_are_reported_by_the_environments_own_return() -> None:
    """Seven for every step, up to 12 steps."""
    _, online = learned()
    trials = online.report.trials
    ends = np.array([t["steps"] for t in trials])
    lengths = np.diff(np.concatenate([[0], ends]))
    assert lengths.max() <= 12 and ends[-1] > CONFIG.steps - 12
    np.testing.assert_allclose([t["return"] for t in trials], 7 * lengths)


def test_a_learned_task_learns_what_the_environment_pays_and_when_it_ends() -> None:
    task = learned_task()
    agent = mbpo(task=task, steps=400)
    fit = RewardFitConfig(steps=150, lr=1e-2)
    run(agent, replace(CONFIG, steps=400, warmup=390, fit_every=100, reward_fit=fit))
    data = agent.real.all()
    assert (data.reward == 7).all()  # the environment's, not the task's guess
    np.testing.assert_allclose(task.reward(data.next_obs, data.action), 7.0, atol=0.1)
    assert (task.terminated(data.next_obs) == data.terminated).mean() > 0.95
    assert len(agent.imagined) > 0


def test_segments_are_held_out_whole_one_of_each_group() -> None:
    _, online = learned(replace(CONFIG, holdout_ticks=3))
    assert online.fits is not None
    segments = online.fits.held.reshape(-1, 3)
    assert (segments.all(1) == segments.any(1)).all()
    np.testing.assert_array_equal(segments[:, 0].reshape(-1, 5).sum(1), 1)  # holdout is 0.2
    assert len(set(segments[:, 0].reshape(-1, 5).argmax(1).tolist())) > 1  # not always the same


def test_a_model_that_is_evaluated_over_ticks_needs_segments_of_as_many() -> None:
    with pytest.raises(SettingsError, match=r"holdout_ticks: 1, but .* over 2 ticks"):
        learned(agent_config=JUDGED)


@pytest.mark.parametrize(
    "change",
    [
        {"share": ShareConfig("error", ticks=2)},
        {"imagination": replace(SMALL.imagination, length=LengthConfig("error", bound=9.0))},
    ],
)
def test_the_model_is_evaluated_on_held_out_segments_where_a_schedule_asks(change: Any) -> None:
    config = replace(CONFIG, holdout_ticks=3)
    assert learned(config)[0].relative_error is None
    agent, _ = learned(config, agent_config=replace(SMALL, **change))
    assert agent.relative_error is not None and agent.relative_error.shape == (2,)
    assert np.isfinite(agent.relative_error).all()


def drifting(ratio: float, breaks_at: float) -> OnlineLearning:
    fit = replace(CONFIG.fit, steps=100, check_every=50, lr=1e-2)
    drift = DriftConfig(ratio, rows=10, memory=4)
    config = replace(CONFIG, steps=200, warmup=100, fit_every=60, fit=fit, drift=drift)
    return run(mbpo(steps=config.steps), config, Slide(breaks_at))


def test_a_machine_that_changes_is_refitted_at_once_and_reported() -> None:
    report = drifting(3.0, breaks_at=135).report
    first = report.drifts[0]
    assert first["steps"] == 140.0  # the first rows that show it; the fits are at 100 and 160
    assert first["error"] > 3 * first["usual"] > 0
    assert len(report.holdout_nll) == 2 + len(report.drifts)


@pytest.mark.slow
def test_one_that_does_not_change_or_without_the_switch_is_fitted_by_schedule() -> None:
    for report in (drifting(3.0, np.inf).report, drifting(np.inf, 135).report):
        assert report.drifts == [] and len(report.holdout_nll) == 2
