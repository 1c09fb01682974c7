"""Offline: a policy from transitions that are there already, without another step of the machine.

    fit the ensemble to all but the held-out rows -> improve the policy in it, pessimistically

Nothing corrects a model that is wrong where the data are silent, so what it imagines there is worth
less: reward minus a penalty times disagreement (MOPO, Yu et al. 2020, with the members' spread
for their error estimate), and a rollout ends where disagreement passes what real rows show.
"""

from dataclasses import dataclass, field

import numpy as np

from robot_mbrl.agents.agent import AgentConfig, Progress, RefinableAgent, refinable
from robot_mbrl.agents.registry import default_config, make_agent
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.contract.task import Task
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.fitting.fit import (
    FitConfig,
    FitReport,
    Source,
    fit_ensemble,
    fit_normalizers,
)


@dataclass(frozen=True)
class OfflineConfig:
    """Settings of learning from a fixed data set."""

    agent: AgentConfig = field(default_factory=lambda: default_config("fixed data"))
    """the agent; of MBPO `imagination.disagreement_penalty` is the pessimism"""
    holdout: float = 0.2
    """share of rows by which the ensemble is evaluated, and never fitted"""
    fit: FitConfig = field(default_factory=lambda: FitConfig(check_every=100))
    """the ensemble's fit"""
    updates: int = 10_000
    """gradient steps of the agent"""


def learn_offline(
    layout: Layout,
    task: Task,
    data: Transitions,
    config: OfflineConfig,
    seed: int,
    progress: Progress | None = None,
) -> tuple[RefinableAgent, FitReport]:
    """Learn model, policy and value.

    Args:
        layout: of the observations.
        task: rewards and terminates imagined transitions; `data` keep their own.
        data: what some other policy has done, in any order.
        config: settings.
        seed: of every generator.
        progress: called with (done, total) of those steps.

    Returns the agent, with `data` in its `real` buffer, and how well the model fits. Raises
    DataError when there is too little data, SettingsError for an agent that cannot learn so.
    """
    agent = refinable(make_agent(layout, task, config.agent, len(data), seed))
    agent.observe(data)
    rng = np.random.default_rng(seed)
    held = rng.uniform(size=len(data)) < config.holdout
    train, holdout = data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
    fit_normalizers(agent.model, train)
    report = fit_ensemble(agent.model, [Source(train, 1.0)], holdout, config.fit, rng)
    agent.model_fitted(data)
    agent.refine(config.updates, data, progress=progress)
    return agent, report
