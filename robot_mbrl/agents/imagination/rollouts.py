"""Short imagined rollouts, branched from real states (Janner et al. 2019, section 4.2).

A rollout ends at termination, where the members disagree too much, and where it is no longer
finite; what follows a stop is never imagined.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.agents.imagination.schedules import LengthConfig
from robot_mbrl.contract.errors import check_range
from robot_mbrl.contract.task import Task
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.networks.actor import Actor


@dataclass(frozen=True)
class ImaginationConfig:
    """How rollouts are branched from real states."""

    branches: int = 2000
    """states from which rollouts start, each time"""
    horizon: int = 10
    """longest rollout in ticks"""
    length: LengthConfig = field(default_factory=LengthConfig)
    """how long they are, up to the horizon, while a robot is learned from scratch"""
    every: int = 250
    """updates between two rounds of imagination"""
    keep_rounds: int = 8
    """rounds of imagined transitions that are kept; older ones came from an older policy"""
    stop_quantile: float | None = 0.99
    """a rollout ends where disagreement passes this quantile of its values on real transitions;
    None never ends one for that"""
    disagreement_weight: float = 0.0
    """w: a transition of disagreement d counts 1 / (1 + w d), by keeping it with that probability;
    0 keeps all"""
    disagreement_penalty: float = 0.0
    """reward lost per unit of disagreement in imagination (MOPO); below 0 a bonus to explore"""
    min_length: float = 0.0
    """a round whose rollouts last fewer ticks on average is thrown away with all imagined before
    it: the model is not believed, real rows stand in until a better round; 0 never does"""

    def __post_init__(self) -> None:
        check_range(self, 1, 1e6, "branches", "every", "keep_rounds")
        check_range(self, 1, 1e4, "horizon")
        check_range(self, 0, 1e9, "disagreement_weight", "min_length")


@dataclass(frozen=True)
class Rollouts:
    """One round of imagination.

    Attributes:
        transitions: imagined ones, thinned and penalized as configured.
        length: mean ticks of a rollout, before thinning.
    """

    transitions: Transitions
    length: float


@torch.no_grad()
def branch_rollouts(
    model: DynamicsEnsemble,
    task: Task,
    actor: Actor,
    starts: np.ndarray,
    ticks: int,
    config: ImaginationConfig,
    *,
    limit: float,
    rng: torch.Generator,
) -> Rollouts:
    """Follow a policy in the model.

    Args:
        model: draws each next observation and says how much its members disagree.
        task: rewards, terminates.
        actor: the policy; its actions are sampled.
        starts: real observations (B, O).
        ticks: of a rollout that nothing stops, at least 1.
        config: settings.
        limit: disagreement above which a rollout stops.
        rng: of everything random.
    """
    obs, parts, rows = torch.as_tensor(starts), [], 0
    for _ in range(ticks):
        noise = torch.randn(len(obs), actor.action_size, generator=rng)
        action = actor.sample(obs, noise)[0]
        next_obs, disagreement = model.sample(obs, action, rng)
        reward = task.reward(next_obs, action, xp=torch)
        sane = torch.isfinite(next_obs).all(-1) & torch.isfinite(reward)
        sane &= disagreement <= limit
        columns = (obs, action, next_obs, reward, disagreement)
        obs, action, next_obs, reward, disagreement = (x[sane] for x in columns)
        ended = task.terminated(next_obs, xp=torch)
        if config.disagreement_penalty:
            reward = reward - config.disagreement_penalty * disagreement
        kept = _thin((obs, action, next_obs, reward, ended), disagreement, config, rng)
        parts.append(Transitions(*(x.numpy() for x in kept)))
        rows += len(obs)
        obs = next_obs[~ended]
        if not len(obs):
            break
    return Rollouts(concatenate(parts), rows / len(starts))


def _thin(
    columns: tuple[Tensor, ...],
    disagreement: Tensor,
    config: ImaginationConfig,
    rng: torch.Generator,
) -> Iterator[Tensor]:
    """The more the members disagree, the fewer rows are kept.

    Thinning gives weighted sums in expectation, and buffer and SAC need not know.
    """
    if not config.disagreement_weight:
        return iter(columns)
    weight = 1 / (1 + config.disagreement_weight * disagreement)
    kept = torch.rand(len(disagreement), generator=rng) < weight
    return (column[kept] for column in columns)
