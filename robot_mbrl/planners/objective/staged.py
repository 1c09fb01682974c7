"""A model taken apart into stages, for planners that differentiate through time.

Shapes: N rows, E members, S state, O observation, A action.
"""

from typing import Protocol

import torch
from torch import Tensor

from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.objective.scoring import Imagined, ScoringModel


class StagedModel(ScoringModel, Protocol):
    """A scoring model whose score is the sum of its stages, as far as no episode ends."""

    def start(self, obs: Tensor) -> Tensor:
        """The state (S,) that an observation (O,) stands for."""

    def step(self, state: Tensor, action: Tensor, tick: int | Tensor) -> tuple[Tensor, Tensor]:
        """Next states (N, S) and discounted rewards (N,) of states (N, S) and actions (N, A).

        `tick` counts from 0 at the start of the plan, for all rows or for each (N,).
        """

    def close(self, state: Tensor, tick: int) -> Tensor:
        """Discounted terminal values (N,) of states (N, S) after `tick` ticks."""


class StagedImagination:
    """The stages of an Imagination; the state is the observation as each member imagines it, so S
    is E times O. Termination is seen by the score only: it has no derivative."""

    def __init__(self, imagination: Imagination) -> None:
        self.imagination = imagination
        self._members = imagination.model.members

    def __call__(self, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
        """As Imagination."""
        imagined: Imagined = self.imagination(obs, plans, proposals)
        return imagined

    def start(self, obs: Tensor) -> Tensor:
        """(O,) -> (E O,)."""
        return obs.repeat(self._members)

    def step(self, state: Tensor, action: Tensor, tick: int | Tensor) -> tuple[Tensor, Tensor]:
        """Each member's mean next observation; the members' mean reward less the penalty, which is
        not discounted."""
        model, task = self.imagination.model, self.imagination.task
        x = self._split(state)
        executed = self.imagination.view.to_action(x.mean(0).T, action)
        shared = executed.T.expand(self._members, -1, -1)
        mean, _ = model.increments(x, shared)
        x = model.layout.advance(x, mean, shared, xp=torch, axis=-2)
        penalty = self.imagination.disagreement_penalty * model.disagreement(mean)
        reward = task.reward(x.transpose(1, 2), shared.transpose(1, 2), xp=torch).mean(0)
        return self._join(x), self.imagination.gamma**tick * reward - penalty

    def close(self, state: Tensor, tick: int) -> Tensor:
        """The members' mean value."""
        actor, critics = self.imagination.actor, self.imagination.critics
        if not self.imagination.terminal_value or actor is None or critics is None:
            return torch.zeros_like(state[:, 0])
        x = self._split(state).transpose(1, 2).flatten(0, 1)
        q: Tensor = critics(x, actor.act(x))
        return self.imagination.gamma**tick * q.mean(0).reshape(self._members, -1).mean(0)

    def _split(self, state: Tensor) -> Tensor:
        """(N, E O) -> (E, O, N)."""
        return state.reshape(len(state), self._members, -1).permute(1, 2, 0)

    def _join(self, x: Tensor) -> Tensor:
        """(E, O, N) -> (N, E O)."""
        return x.permute(2, 0, 1).flatten(1)
