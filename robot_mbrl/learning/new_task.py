"""One model, another task: what a machine does is learned once, what it shall do is a reward.

The data of the first task serve the second: rewarded anew they are its real rows, and rollouts
branch from them. No new data are asked for, so the second task must be one for which the first has
been where it matters; `measure_disagreement` ends rollouts where it has not.
"""

from dataclasses import replace

import numpy as np

from robot_mbrl.agents.agent import Progress, RefinableAgent, refinable
from robot_mbrl.agents.registry import make_agent
from robot_mbrl.contract.task import Task
from robot_mbrl.data.transitions import Transitions


def learn_another_task(
    agent: RefinableAgent, task: Task, updates: int, seed: int, progress: Progress | None = None
) -> RefinableAgent:
    """Learn a policy and a value for `task` in the model of `agent`, from the agent's real rows.

    Args:
        agent: has a fitted model and the transitions it was fitted to; it stays as it is.
        task: rewards and terminates.
        updates: gradient steps.
        seed: of every generator of the new agent.
        progress: called with (done, total).

    Returns a new agent of the same settings and with the same model.
    """
    data = rewarded(agent.real.all(), task)
    other = refinable(make_agent(agent.layout, task, agent.config, len(data), seed))
    other.set_model(agent.model)
    other.observe(data)
    other.model_fitted(data)
    other.refine(updates, data, progress=progress)
    return other


def rewarded(data: Transitions, task: Task) -> Transitions:
    """The same transitions under a task's reward and termination."""
    reward = task.reward(data.next_obs.astype(np.float64), data.action)
    ended = task.terminated(data.next_obs)
    return replace(data, reward=np.asarray(reward, np.float32), terminated=np.asarray(ended, bool))
