"""Probabilistic ensembles with trajectory sampling (PETS, Chua et al. 2018): act by planning on the
ensemble; no policy, no value.

    collect transitions -> fit the ensemble -> plan anew at every tick, execute the first action
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from robot_mbrl.agents.agent import AgentConfig, AgentState, ControllerParts, Worlds
from robot_mbrl.agents.state import (
    load_tensors,
    load_torch_state,
    load_transitions,
    network_tensors,
    recorded,
    torch_state,
)
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.contract.task import Task
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.config import EnsembleConfig, make_ensemble
from robot_mbrl.models.learned_task import LearnedTask
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.objective.propagation import (
    Propagation,
    PropagationConfig,
    draw_propagation,
)
from robot_mbrl.planners.planner import SamplingConfig
from robot_mbrl.planners.search.icem import IcemConfig
from robot_mbrl.planners.warm import WarmPlanner, plans_scored


@dataclass(frozen=True)
class PetsConfig(AgentConfig):
    """Settings of the agent."""

    agent_name: ClassVar[str] = "pets"
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
    """Model, planner and data; a `ModelAgent` that takes its model as it is.

    Args:
        layout: of the observation.
        task: gives reward and termination to imagined transitions.
        config: settings.
        capacity: real transitions held.
        seed: of every generator inside.
    """

    config_type: ClassVar[type[AgentConfig]] = PetsConfig
    evaluated_ticks = 0

    def __init__(
        self, layout: Layout, task: Task, config: PetsConfig, capacity: int, seed: int
    ) -> None:
        self.layout: Layout = layout
        self.task: Any = task
        self.config: Any = config
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
        planner: SamplingConfig = self.config.planner
        return plans_scored(planner) * planner.horizon * particles

    def begin_episode(self, worlds: Worlds | None = None) -> None:
        """Plans of the last episode are no warm start."""
        plan, kept = self.planner.plan, self.planner.kept
        self.planner.forget()
        if worlds is not None and plan is not None:
            ended = torch.as_tensor(worlds)
            plan[ended] = 0.0
            # iCEM's kept plans are of all environments or of none
            self.planner.plan, self.planner.kept = plan, None if ended.any() else kept

    def explore(self, obs: np.ndarray) -> np.ndarray:
        """The planned actions (B, A) for observations (B, O): planning explores enough."""
        return self.planner.act(torch.as_tensor(obs, dtype=torch.float32)).numpy()

    def observe(self, transitions: Transitions, truncated: Worlds | None = None) -> None:
        """Keep real transitions."""
        self.real.add(transitions)

    def warmed_up(self) -> None:
        """The model's normalizers are fitted with it."""

    def set_progress(self, done: float) -> None:
        """Nothing follows a schedule."""

    def measure_disagreement(self, transitions: Transitions) -> None:
        """No limit depends on it."""

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

    def metrics(self) -> dict[str, float]:
        """Nothing but the model is learned."""
        return {}

    def exportable(self) -> ControllerParts:
        """The model alone."""
        return ControllerParts(self.model, None, None, self.config.gamma)

    def get_state(self) -> AgentState:
        """Networks, warm start, the numbers drawn for this model's particles, transitions."""
        planner, propagation = self.planner, self.planner.model.propagation
        drawn = {"noise": propagation.noise, "order": propagation.order, "mix": propagation.mix}
        warm = {"plan": planner.plan, "kept": planner.kept}
        plans = drawn | {name: value for name, value in warm.items() if value is not None}
        return AgentState(
            weights=self._weights(),
            learning={f"plan.{name}": value for name, value in plans.items()},
            transitions=recorded({"real": self.real}),
            plain={"torch": torch_state(self.torch_rng)},
        )

    def set_state(self, state: AgentState) -> None:
        """Put a state back. Raises DataError for one of other settings."""
        self.model.elites = state.weights.get("model.elites", self.model.elites).clone()
        load_tensors(self._weights(), state.weights)
        load_transitions({"real": self.real}, state.transitions)
        self.planner = self._planner()  # on the model as it is now
        plans = state.learning
        if "plan.noise" in plans:
            self.planner.plan, self.planner.kept = plans.get("plan.plan"), plans.get("plan.kept")
            self.planner.model.propagation = Propagation(
                self.config.propagation.kind,
                *(plans[f"plan.{n}"] for n in ("noise", "order", "mix")),
            )
        load_torch_state(self.torch_rng, state.plain["torch"])

    def _weights(self) -> dict[str, Tensor]:
        networks: dict[str, nn.Module] = {"model": self.model}
        if isinstance(self.task, LearnedTask):
            networks["task"] = self.task
        return network_tensors(networks)

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
