"""The controller as one torch module: planner, ensemble, policy, value and reward."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from robot_mbrl.agents.agent import Agent, ControllerParts
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.models.ensemble.planning_model import PlanningModel
from robot_mbrl.models.ensemble.uncertainty import mixture
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.objective.propagation import PropagationConfig, draw_propagation
from robot_mbrl.planners.planner import PlannerName, SamplingConfig, make_plan, noise_shape
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.planners.search.icem import IcemConfig
from robot_mbrl.planners.search.mppi import MppiConfig
from robot_mbrl.planners.search.random_shooting import RandomShootingConfig
from robot_mbrl.planners.search.sampling import shift

NUDGE = 1e-3  # rad, for slopes


@dataclass(frozen=True)
class ControllerConfig:
    """What the exported controller does."""

    planner: PlannerName = "cem"
    """which planner; its settings are below, those of the others do nothing"""
    cem: CemConfig = CemConfig()
    """settings of the cross-entropy method"""
    icem: IcemConfig = IcemConfig()
    """settings of the cross-entropy method with colored noise"""
    mppi: MppiConfig = MppiConfig()
    """settings of model predictive path integral control"""
    random: RandomShootingConfig = RandomShootingConfig()
    """settings of random shooting"""
    disagreement_penalty: float = 0.05
    """score lost per unit of disagreement and step"""
    terminal_value: bool = True
    """close the horizon with the critics"""
    propagation: PropagationConfig = field(default_factory=PropagationConfig)
    """how uncertainty is carried along a plan; particles cost as many rows as members"""

    @property
    def chosen(self) -> SamplingConfig:
        """The settings of the planner that was chosen."""
        settings: SamplingConfig = getattr(self, self.planner)
        return settings


class PlannerModule(nn.Module):
    """The graph that is exported.

    Args:
        imagination: scores plans.
        planner: settings of the planner.
    """

    def __init__(self, imagination: Imagination, planner: SamplingConfig) -> None:
        super().__init__()
        self.imagination, self.planner = imagination, planner

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the inputs."""
        layout = self.imagination.model.layout
        return {
            "observation": (layout.size,),
            "plan": (self.planner.horizon, layout.action_size),
            "noise": noise_shape(self.planner, layout.action_size),
        }

    def forward(self, observation: Tensor, plan: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        """One tick of control; see the module's inputs and outputs."""
        planned = make_plan(self.imagination, observation, plan, noise, self.planner)
        action = self.imagination.view.to_action(observation, planned.plan[0])
        mean, std = predict(self.imagination.model, observation, action)
        # A plan without a finite score must not reach a motor: the action says so itself.
        action = torch.where(torch.isfinite(planned.score), action, torch.nan)
        return action, shift(planned.plan), mean, std, planned.disagreement, planned.score


def controller_module(agent: Agent, config: ControllerConfig) -> PlannerModule:
    """The graph of an agent's controller. Raises SettingsError for an agent or settings of which
    there is none."""
    parts = agent.exportable()
    if parts is None:
        raise SettingsError(
            f"agent {agent.config_type.agent_name!r} cannot be exported: it has no model to plan on"
        )
    _check(parts, config, agent.config_type.agent_name)
    imagination = Imagination(
        parts.model,
        agent.task,
        parts.actor,
        parts.critics,
        gamma=parts.gamma,
        disagreement_penalty=config.disagreement_penalty,
        terminal_value=config.terminal_value,
        # Part of the file: the controller stays a function of its inputs alone.
        propagation=draw_propagation(
            config.propagation,
            parts.model,
            config.chosen.horizon,
            torch.Generator().manual_seed(0),
        ),
    )
    return PlannerModule(imagination, config.chosen)


def _check(parts: ControllerParts, config: ControllerConfig, name: str) -> None:
    """Raise SettingsError for a planner that asks for what the agent lacks."""
    if parts.critics is None and config.terminal_value:
        raise SettingsError(
            f"agent {name!r} has no value function: set terminal_value to False, and a horizon "
            "over which plans differ"
        )
    if parts.actor is None and config.chosen.proposals:
        raise SettingsError(
            f"agent {name!r} has no policy: set {config.planner}.proposals to 0, not "
            f"{config.chosen.proposals}"
        )


def predict(model: PlanningModel, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the next observation, (O,) each, of obs (O,) and action
    (A,)."""
    layout, joints = model.layout, len(model.layout.joints)
    each = (x[:, None].expand(model.members, -1, -1) for x in (obs, action))
    dq, sigma = mixture(*model.increments(*each), model.spread_scale)
    # First order: each column moves by its slope in dq. All slopes at once, beside the mean.
    nudge = torch.cat([torch.zeros(joints, 1), NUDGE * torch.eye(joints)], 1)
    before, applied = (x[:, None].expand(-1, joints + 1) for x in (obs, action))
    moved = layout.advance(before, dq + nudge, applied, xp=torch, axis=-2)
    slopes = (moved[:, 1:] - moved[:, :1]) / NUDGE
    return moved[:, 0], ((slopes * sigma.T) ** 2).sum(-1).sqrt()
