"""One door to every planner: the type of the settings chooses."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from robot_mbrl.contract.errors import PlannerError
from robot_mbrl.planners.search.cem import CemConfig, plan_cem
from robot_mbrl.planners.search.icem import IcemConfig, plan_icem
from robot_mbrl.planners.search.ilqr import IlqrConfig, plan_ilqr
from robot_mbrl.planners.search.mppi import MppiConfig, plan_mppi
from robot_mbrl.planners.search.random_shooting import RandomShootingConfig, plan_random_shooting
from robot_mbrl.planners.search.sampling import Planned

PlannerName = Literal["cem", "icem", "mppi", "random"]
SamplingConfig = CemConfig | IcemConfig | MppiConfig | RandomShootingConfig
PlannerConfig = SamplingConfig | IlqrConfig

_PLANNERS: dict[type, Callable[..., Planned]] = {
    RandomShootingConfig: plan_random_shooting,
    CemConfig: plan_cem,
    IcemConfig: plan_icem,
    MppiConfig: plan_mppi,
    IlqrConfig: plan_ilqr,
}


def make_plan(
    model: Any, obs: Tensor, plan: Tensor, noise: Tensor, config: PlannerConfig
) -> Planned:
    """Improve a plan with the planner that `config` belongs to.

    Args:
        model: a ScoringModel; for iLQR a StagedModel.
        obs: (..., O); leading dimensions are robots, each planned for by itself.
        plan: the warm start, (..., H, A).
        noise: standard normal, (..., I, N, H, A), see `draw_noise`; iLQR does not look at it.
        config: settings.

    Returns:
        Planned; its score is -inf where no candidate was usable, see `check_usable`.
    """
    return _PLANNERS[type(config)](model, obs, plan, noise, config)


def noise_shape(config: SamplingConfig, action_size: int) -> tuple[int, int, int, int]:
    """(I, N, H, A)."""
    return (config.iterations, config.candidates, config.horizon, action_size)


def draw_noise(
    config: SamplingConfig, action_size: int, rng: torch.Generator, batch: tuple[int, ...] = ()
) -> Tensor:
    """Noise for one call, (*batch, I, N, H, A)."""
    return torch.randn((*batch, *noise_shape(config, action_size)), generator=rng)


def check_usable(planned: Planned) -> Planned:
    """The same, or PlannerError when a robot got no usable plan.

    Off board; in the exported controller the action of such a plan is NaN, which stops the robot.
    """
    bad = (~torch.isfinite(planned.score)).flatten()
    if bad.any():
        raise PlannerError(
            f"no usable plan for {int(bad.sum())} of {bad.numel()} robots: every candidate scored "
            "NaN or infinity; look at the observation, and at whether the model has diverged"
        )
    return planned
