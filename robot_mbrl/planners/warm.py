"""A planner that acts: it keeps plans, and what iCEM keeps, from tick to tick for B robots."""

from typing import Generic, TypeVar

import torch
from torch import Tensor

from robot_mbrl.planners.objective.scoring import ScoringModel
from robot_mbrl.planners.planner import SamplingConfig, check_usable, draw_noise, make_plan
from robot_mbrl.planners.search.icem import IcemConfig, IcemPlanned, plan_icem, populations
from robot_mbrl.planners.search.random_shooting import RandomShootingConfig
from robot_mbrl.planners.search.sampling import Planned, shift

M = TypeVar("M", bound=ScoringModel)


class WarmPlanner(Generic[M]):
    """Plans for B robots, tick by tick.

    Args:
        model: scores plans.
        config: of the planner.
        action_size: A.
        rng: draws the noise.

    Attributes:
        plan: warm start of the next tick, (B, H, A), or None.
        kept: iCEM's kept elites, (B, K, H, A), or None.
    """

    def __init__(
        self, model: M, config: SamplingConfig, action_size: int, rng: torch.Generator
    ) -> None:
        self.model, self.config, self.action_size, self.rng = model, config, action_size, rng
        self.forget()

    def forget(self) -> None:
        """Start the next episode without a warm start."""
        self.plan: Tensor | None = None
        self.kept: Tensor | None = None

    @torch.no_grad()
    def act(self, obs: Tensor) -> Tensor:
        """Actions (B, A) for observations (B, O). Raises PlannerError without a usable plan."""
        shape = (len(obs), self.config.horizon, self.action_size)
        plan = torch.zeros(shape) if self.plan is None else self.plan
        noise = draw_noise(self.config, self.action_size, self.rng, (len(obs),))
        planned = check_usable(self._make(obs, plan, noise))
        self.plan = shift(planned.plan)
        return planned.plan[:, 0]

    def _make(self, obs: Tensor, plan: Tensor, noise: Tensor) -> Planned:
        if not isinstance(self.config, IcemConfig):
            return make_plan(self.model, obs, plan, noise, self.config)
        planned: IcemPlanned = plan_icem(self.model, obs, plan, noise, self.config, self.kept)
        self.kept = planned.kept
        return planned


def plans_scored(config: SamplingConfig) -> int:
    """Plans that one call of a planner scores at most, per robot; each costs H steps of each
    particle."""
    if isinstance(config, IcemConfig):
        kept = round(config.keep * config.elites)
        later = len(populations(config)) - 1
        # The first tick of an episode has one warm start in place of what was kept.
        return sum(populations(config)) + max(kept, 1) + later * kept + 1
    decides = not isinstance(config, RandomShootingConfig)  # scores what it decided on
    return config.iterations * config.candidates + decides
