"""Probabilistic ensembles with trajectory sampling (PETS, Chua et al. 2018): act by planning on the
ensemble; no policy, no value.

    collect transitions -> fit the ensemble -> plan anew at every tick, execute the first action
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from robot_mbrl.agents.mbpo import Policy
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.contract.task import Task
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.config import EnsembleConfig, make_ensemble
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.objective.propagation import PropagationConfig, draw_propagation
from robot_mbrl.planners.planner import SamplingConfig
from robot_mbrl.planners.search.icem import IcemConfig
from robot_mbrl.planners.warm import WarmPlanner, plans_scored


@dataclass(frozen=True)
class PetsConfig:
    """Settings of the agent."""

    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    """the model"""
    planner: SamplingConfig = field(default_factory=lambda: IcemConfig(proposals=0))
    """any sampling planner; its type says which. There is no policy, so proposals must be 0"""
    propagation: PropagationConfig = field(default_factory=PropagationConfig)
    """how uncertainty is carried along a plan"""
    gamma: float = 1.0
    """discount per tick within the horizon"""
    disagreement_penalty: float = 0.0
    """score lost per unit of disagreement and step; below 0 a bonus to explore"""


class Pets:
    """Model, planner and data; an `OnlineAgent` that trusts its model as it is.

    Args:
        layout: of the observation.
        task: gives reward and termination to imagined transitions.
        config: settings.
        capacity: real transitions held.
        seed: of every generator inside.
    """

    judged_ticks = 0

    def __init__(
        self, layout: Layout, task: Task, config: PetsConfig, capacity: int, seed: int
    ) -> None:
        self.layout, self.task, self.config = layout, task, config
        self.torch_rng = torch.Generator().manual_seed(seed)
        self.model = make_ensemble(layout, config.ensemble, self.torch_rng)
        self.real = ReplayBuffer(layout.size, layout.action_size, capacity)
        self.planner = self._planner()

    @property
    def rows_per_action(self) -> int:
        """Model rows (one member's prediction for one state) that one action costs at most."""
        imagination = self.planner.model
        propagation = imagination.propagation
        particles = propagation.particles(imagination.model)
        if propagation.kind in ("members", "mean"):
            particles = len(self.model.elites)  # also the mean asks every member
        return plans_scored(self.config.planner) * self.config.planner.horizon * particles

    def begin_episode(self) -> None:
        """Plans of the last episode are no warm start."""
        self.planner.forget()

    def explore(self, obs: np.ndarray) -> np.ndarray:
        """The planned actions (B, A) for observations (B, O): planning explores enough."""
        return self.planner.act(torch.as_tensor(obs, dtype=torch.float32)).numpy()

    def model_fitted(self, data: Transitions, held: Sequence[Segment] = ()) -> None:
        """Plan on the new model; what was planned on the old one is still a warm start."""
        plan, kept = self.planner.plan, self.planner.kept
        self.planner = self._planner()
        self.planner.plan, self.planner.kept = plan, kept

    def improve(self, step: int, updates: int) -> None:
        """Nothing but the model is learned."""

    def policy(self) -> Policy:
        """A planner for one episode of B environments, with noise of its own."""
        planner = self._planner(torch.Generator().manual_seed(self.torch_rng.initial_seed()))

        def act(obs: np.ndarray) -> np.ndarray:
            return planner.act(torch.as_tensor(obs, dtype=torch.float32)).numpy()

        return act

    def _planner(self, rng: torch.Generator | None = None) -> WarmPlanner[Imagination]:
        rng, config = rng or self.torch_rng, self.config
        imagination = Imagination(
            self.model,
            self.task,
            None,
            None,
            gamma=config.gamma,
            disagreement_penalty=config.disagreement_penalty,
            terminal_value=False,
            propagation=draw_propagation(
                config.propagation, self.model, config.planner.horizon, rng
            ),
        )
        return WarmPlanner(imagination, config.planner, self.layout.action_size, rng)
