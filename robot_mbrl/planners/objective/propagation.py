"""How uncertainty travels along an imagined plan (Chua et al. 2018, section 5).

    members   each member its own mean: E trajectories without noise, the spread of the model alone
    mean      one trajectory, by the members' mean
    ts1       P particles with noise; in each step each goes to another member, drawn at random
    tsinf     P particles with noise; each stays with its member
    moment    as ts1, but after each step the particles are drawn again from the Gaussian of their
              mean and covariance: whatever else they knew of each other is forgotten

All random numbers are drawn before and are the same for every plan, so that scores differ by the
plans alone, the same call gives the same score, and the graph traces with them as constants.

Shapes: H horizon, P particles, N plans, E members, J coordinates, O observation, A action.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from robot_mbrl.contract.errors import PlannerError
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.planning_model import PlanningModel

PropagationKind = Literal["members", "mean", "ts1", "tsinf", "moment"]


@dataclass(frozen=True)
class PropagationConfig:
    """Which way, and with how many particles."""

    kind: PropagationKind = "members"
    """members, mean, ts1, tsinf or moment; see propagation.py"""
    particles: int = 20
    """P, trajectories of each plan; a multiple of the members; members and mean take no notice"""


@dataclass(frozen=True)
class Propagation:
    """One draw of everything random.

    Attributes:
        kind: which way.
        noise: standard normal, (H, P, J, 1); empty for the ways without noise.
        order: which particle stands where in each step, (H, P).
        mix: standard normal, (H, P, P), from which moment matching makes new particles.
    """

    kind: PropagationKind
    noise: Tensor
    order: Tensor
    mix: Tensor

    def particles(self, model: PlanningModel) -> int:
        """P."""
        if self.kind == "members":
            return model.members
        return 1 if self.kind == "mean" else self.noise.shape[1]

    def step(
        self, model: PlanningModel, x: Tensor, action: Tensor, tick: int
    ) -> tuple[Tensor, Tensor]:
        """One step of all particles.

        Args:
            model: the ensemble; every member of it is used.
            x: states (P, O, N).
            action: (E, A, N), the same for all members, and for all particles of a plan.
            tick: counts from 0 at the start of the plan.

        Returns:
            next states (P, O, N), and each member's mean increment (E, J, N): at the one state or
            averaged over the particles that it moves. Raises PlannerError beyond the horizon.
        """
        if self.kind == "members":
            mean, _ = model.increments(x, action)
            return model.layout.advance(x, mean, action, xp=torch, axis=-2), mean
        if self.kind == "mean":
            mean, _ = model.increments(x.expand(model.members, *x.shape[1:]), action)
            dq = mean.mean(0, keepdim=True)
            return model.layout.advance(x, dq, action[:1], xp=torch, axis=-2), mean
        if tick >= len(self.noise):
            raise PlannerError(
                f"particles were drawn for {len(self.noise)} ticks, the plan is longer"
            )
        return self._noisy_step(model, x, action, tick)

    def _noisy_step(
        self, model: PlanningModel, x: Tensor, action: Tensor, tick: int
    ) -> tuple[Tensor, Tensor]:
        """Particle p goes to member p // (P / E), after a shuffle where it may change members."""
        if self.kind != "tsinf":
            x = x[self.order[tick]]
        (p, _, n), members = x.shape, model.members
        each = p // members  # particles of a member

        def by_member(x: Tensor) -> Tensor:
            return x.reshape(members, each, -1, n).transpose(1, 2).flatten(2)

        def by_particle(x: Tensor) -> Tensor:
            return x.reshape(members, -1, each, n).transpose(1, 2).flatten(0, 1)

        mean, std = model.increments(by_member(x), action.repeat(1, 1, each))
        dq = by_particle(mean) + by_particle(std) * self.noise[tick]
        x = model.layout.advance(x, dq, action[:1].expand(p, -1, -1), xp=torch, axis=-2)
        x = self._match_moments(x, tick) if self.kind == "moment" else x
        return x, mean.unflatten(2, (each, n)).mean(2)

    def _match_moments(self, x: Tensor, tick: int) -> Tensor:
        """Random combinations of the deviations are Gaussian, with the particles' covariance.

        sum_p z_p (x_p - mean) / sqrt(P - 1) has the sample covariance, of which no root is needed.
        """
        centre = x.mean(0, keepdim=True)
        weight = self.mix[tick] / math.sqrt(x.shape[0] - 1)
        return centre + torch.einsum("pq,qon->pon", weight, x - centre)


def draw_propagation(
    config: PropagationConfig,
    model: DynamicsEnsemble | PlanningModel,
    horizon: int,
    rng: torch.Generator,
) -> Propagation:
    """Draw what the elites of `model` need for plans of up to `horizon` ticks.

    Raises PlannerError when particles cannot be shared out evenly among the elites.
    """
    if config.kind in ("members", "mean"):
        return Propagation(config.kind, torch.empty(0), torch.empty(0), torch.empty(0))
    members, p = len(model.elites), config.particles
    if p < 2 or p % members:
        raise PlannerError(
            f"particles: {p} cannot be shared out among {members} members; take a multiple, "
            f"e.g. {max(1, round(p / members)) * members}"
        )
    return Propagation(
        config.kind,
        torch.randn(horizon, p, len(model.layout.joints), 1, generator=rng),
        torch.stack([torch.randperm(p, generator=rng) for _ in range(horizon)]),
        torch.randn(horizon, p, p, generator=rng)
        if config.kind == "moment"
        else torch.empty(horizon, 0),
    )


OWN_MEANS = Propagation("members", torch.empty(0), torch.empty(0), torch.empty(0))
