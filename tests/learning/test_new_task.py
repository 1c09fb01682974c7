"""One model serves another task."""

import numpy as np
import pytest
import torch

from robot_mbrl.learning.new_task import learn_another_task, rewarded
from tests.support.sledge import Goal, learned, mean_return, recorded


@pytest.mark.slow
def test_a_second_task_is_learned_without_new_data() -> None:
    """The first task's policy stays where its own goal is: about -1 a tick on the second."""
    here, there = Goal(0.5), Goal(-0.4)
    data, agent = recorded(here, 0), learned(here, 1.0, 0)
    weights = [p.clone() for p in agent.model.parameters()]
    other = learn_another_task(agent, there, 600, seed=0)  # type: ignore[arg-type]
    assert mean_return(there, agent.policy()) < -20
    assert mean_return(there, other.policy()) > -8
    assert mean_return(here, agent.policy()) > -8  # the first is as it was
    assert other.model is agent.model and agent.task == here
    for before, after in zip(weights, agent.model.parameters(), strict=True):
        assert torch.equal(before, after)
    np.testing.assert_array_equal(agent.real.all().reward, data.reward)
    np.testing.assert_array_equal(other.real.all().reward, rewarded(data, there).reward)  # type: ignore[arg-type]


def test_rows_are_rewarded_and_ended_by_the_other_task() -> None:
    class Wall(Goal):
        def terminated(self, next_obs, xp=np):
            return next_obs[..., 0] > 0.3

    data = recorded(Goal(0.5), 0)
    again = rewarded(data, Wall(-0.4))  # type: ignore[arg-type]
    expected = -np.abs(data.next_obs[:, 0] + 0.4) - 0.01 * data.action[:, 0] ** 2
    np.testing.assert_allclose(again.reward, expected, rtol=1e-5)
    np.testing.assert_array_equal(again.terminated, data.next_obs[:, 0] > 0.3)
    assert again.terminated.any() and not data.terminated.any()
    for name in ("obs", "action", "next_obs"):
        assert getattr(again, name) is getattr(data, name)
