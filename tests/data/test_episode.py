"""Segments and transitions of an episode, without what is not the truth."""

import numpy as np
import pytest

from robot_mbrl.data import TickFlag, read_episode


def test_a_transition_leads_from_each_row_to_the_next(write):
    episode = read_episode(write(5))
    found = episode.transitions()
    assert found.obs.tolist() == episode.observations[:4].astype(np.float32).tolist()
    assert found.next_obs.tolist() == episode.observations[1:].astype(np.float32).tolist()
    assert found.action.tolist() == episode.actions[:4].astype(np.float32).tolist()
    assert not found.reward.any()
    assert not found.terminated.any()


@pytest.mark.parametrize(("change", "kept"), [
    ({"t2": {"flags": TickFlag.STALE}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.HELD}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.SEND_FAILED}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.OVER_LIMIT}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.NEW_SEGMENT}}, [0, 2, 3, 4]),
    ({"t2": {"flags": TickFlag.CLAMPED | TickFlag.RAMPING}}, [0, 1, 2, 3, 4]),
    ({"t2": {"device_time_s": 3.04 + 0.011}}, [0, 3, 4]),
    ({"t2": {"device_time_s": 3.04 + 0.009}}, [0, 1, 2, 3, 4]),
    ({f"t{i}": {"index": i + 1, "device_time_s": 3.02 + 0.02 * i} for i in range(3, 6)},
     [0, 1, 3, 4]),
])  # fmt: skip
def test_transitions_skip_what_is_not_the_truth(write, change, kept):
    episode = read_episode(write(6, **change))
    found = episode.transitions()
    expected = episode.observations[kept].astype(np.float32)
    assert found.obs.tolist() == expected.tolist()


def test_a_segment_ends_at_a_gap_with_the_observation_that_its_last_action_leads_to(write):
    episode = read_episode(write(7, t4={"flags": TickFlag.NEW_SEGMENT}))
    first, second = episode.segments()
    assert first.obs.tolist() == episode.observations[:4].tolist()
    assert first.action.tolist() == episode.actions[:3].tolist()
    assert second.obs.tolist() == episode.observations[4:].tolist()
    assert second.action.tolist() == episode.actions[4:6].tolist()


def test_an_episode_of_one_tick_has_no_transition(write):
    episode = read_episode(write(1))
    assert episode.segments() == []
    assert len(episode.transitions()) == 0


def test_a_task_puts_rewards_beside(write):
    class Task:
        def reward(self, next_obs, action):
            return next_obs[:, 0] + action[:, 0]

        def terminated(self, next_obs):
            return next_obs[:, 0] > 3.5

    episode = read_episode(write(5))
    found = episode.transitions(Task())
    assert found.reward == pytest.approx(episode.observations[1:, 0] + episode.actions[:4, 0])
    assert found.terminated.tolist() == [False, False, False, True]
