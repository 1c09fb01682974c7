"""Offline: a policy from transitions that are there already, without another step of the machine.

    fit the ensemble to all but the held-out rows -> improve the policy in it, pessimistically

Nothing corrects a model that is wrong where the data are silent, so what it imagines there is worth
less: reward minus a penalty times disagreement (MOPO, Yu et al. 2020, with the members' spread
for their error estimate), and a rollout ends where disagreement passes what real rows show.
"""

from dataclasses import dataclass, field

import numpy as np

from robot_mbrl.agents.imagination.rollouts import ImaginationConfig
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig, Progress
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


def pessimistic() -> MbpoConfig:
    """Half of each batch is real, rollouts are short, disagreement costs reward."""
    imagination = ImaginationConfig(branches=400, horizon=5, disagreement_penalty=1.0)
    return MbpoConfig(imagination=imagination, real_share=0.5)


@dataclass(frozen=True)
class OfflineConfig:
    """Settings of learning from a fixed data set."""

    mbpo: MbpoConfig = field(default_factory=pessimistic)
    """the agent; its `imagination.disagreement_penalty` is the pessimism"""
    holdout: float = 0.2
    """share of rows by which the ensemble is judged, and never fitted"""
    fit: FitConfig = field(default_factory=lambda: FitConfig(check_every=100))
    """the ensemble's fit"""
    updates: int = 10_000
    """SAC updates"""


def learn_offline(
    layout: Layout,
    task: Task,
    data: Transitions,
    config: OfflineConfig,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Mbpo, FitReport]:
    """Learn model, policy and value.

    Args:
        layout: of the observations.
        task: rewards and terminates imagined transitions; `data` keep their own.
        data: what some other policy has done, in any order.
        config: settings.
        seed: of every generator.
        progress: called with (done, total) SAC updates.

    Returns the agent, with `data` in its `real` buffer, and how well the model fits. Raises
    DataError when there is too little data.
    """
    agent = Mbpo(layout, task, config.mbpo, len(data), seed)
    agent.real.add(data)
    rng = np.random.default_rng(seed)
    held = rng.uniform(size=len(data)) < config.holdout
    train, holdout = data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
    fit_normalizers(agent.model, train)
    report = fit_ensemble(agent.model, [Source(train, 1.0)], holdout, config.fit, rng)
    agent.model_fitted(data)
    agent.refine(config.updates, data, config.mbpo.sac.lr, progress)
    return agent, report
