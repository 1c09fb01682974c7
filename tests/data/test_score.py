"""Scores of hand-made episodes, against sums done by hand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data import Episode, EpisodeHeader
from robot_mbrl.data.score import score_episode

RATE = 50.0
HOLD = 10  # ticks


@dataclass(frozen=True)
class CountingTask:
    """Reward is column 0; the goal is column 1; column 2 terminates."""

    hold_s: float = HOLD / RATE
    episode_s: float = 1.0

    def reward(self, next_obs, action, xp=np):
        return next_obs[:, 0] - action[:, 0]

    def terminated(self, next_obs, xp=np):
        return next_obs[:, 2] > 0

    def at_goal(self, obs):
        return obs[:, 1] > 0


def episode(ticks: int, goal_from: int, **changes) -> Episode:
    header = EpisodeHeader.from_spec(load_robot("furuta"), kind="deploy", created="")
    obs = np.zeros((ticks, len(header.columns)))
    obs[:, 0] = 1.0
    obs[goal_from:, 1] = 1.0
    zero, time = np.zeros((ticks, 1)), np.arange(ticks) / RATE
    values = dict(
        path=Path("made.mcap"), metadata=header, index=np.arange(ticks), time_s=time,
        device_time_s=time, q_rad=np.zeros((ticks, 2)), observations=obs, proposed=zero,
        actions=np.full((ticks, 1), 0.25), disagreement=zero[:, 0], innovation=np.zeros((ticks, 2)),
        lateness_s=zero[:, 0], plan_time_s=zero[:, 0], flags=np.zeros(ticks, np.int64),
        complete=True, stop_reason=StopReason.FINISHED.value,
    )  # fmt: skip
    return Episode(**(values | changes))


def test_return_counts_each_step_once():
    """21 rows are 20 steps of reward 1 - 0.25."""
    assert score_episode(episode(21, 0), CountingTask()).returns == pytest.approx(15.0)


@pytest.mark.parametrize(("goal_from", "success"), [(30 - HOLD, True), (31 - HOLD, False)])
def test_the_goal_must_hold_for_the_last_ticks(goal_from, success):
    assert score_episode(episode(30, goal_from), CountingTask()).success is success


def test_a_moment_away_from_the_goal_starts_the_count_anew():
    made = episode(30, 0)
    made.observations[24, 1] = 0.0
    score = score_episode(made, CountingTask())
    assert not score.success
    assert score.at_goal_s == pytest.approx(5 / RATE)


@pytest.mark.parametrize("change", [{"stop_reason": "innovation"}, {"complete": False}])
def test_a_stopped_or_cut_episode_is_no_success(change):
    assert score_episode(episode(30, 0), CountingTask()).success
    assert not score_episode(episode(30, 0, **change), CountingTask()).success


def test_termination_is_no_success():
    made = episode(30, 0)
    made.observations[3, 2] = 1.0
    assert not score_episode(made, CountingTask()).success


def test_an_episode_of_one_tick_scores_nothing():
    assert score_episode(episode(1, 0), CountingTask()).returns == 0.0
