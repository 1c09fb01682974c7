"""The reference of `bench planner`: MPPI of pytorch_mppi on the same ensemble and reward."""

from collections.abc import Callable

import torch
from torch import Tensor

from robot_mbrl.contract.errors import RobotMbrlError, how_to_install
from robot_mbrl.planners.objective.imagination import Imagination

try:
    from pytorch_mppi import MPPI
except ModuleNotFoundError as error:
    raise RobotMbrlError(
        f"bench planner compares with another package: {error}; {how_to_install('bench')}"
    ) from error


def make_reference(imagination: Imagination, samples: int, horizon: int) -> Callable[[], Tensor]:
    """A call that plans once, with K = `samples` plans of `horizon` ticks.

    Each plan is rolled out once through each of the E members (`rollout_samples`): E K H model
    rows, in one batch, which suits it better than several smaller ones.
    """
    model, task = imagination.model, imagination.task
    size, actions = model.layout.size, model.layout.action_size

    def dynamics(state: Tensor, action: Tensor) -> Tensor:
        x = state.reshape(model.members, samples, size).transpose(1, 2)
        u = action.reshape(model.members, samples, actions).transpose(1, 2)
        dq, _ = model.increments(x, u)
        reached: Tensor = model.layout.advance(x, dq, u, xp=torch, axis=-2)
        return reached.transpose(1, 2).reshape(-1, size)

    def cost(state: Tensor, action: Tensor) -> Tensor:
        paid: Tensor = task.reward(state, action, xp=torch)
        return -paid

    reference = MPPI(
        dynamics,
        cost,
        size,
        0.25 * torch.eye(actions),
        num_samples=samples,
        horizon=horizon,
        rollout_samples=model.members,
        u_min=-torch.ones(actions),
        u_max=torch.ones(actions),
    )
    start = torch.zeros(size)

    @torch.no_grad()
    def plan() -> Tensor:
        action: Tensor = reference.command(start)
        return action

    return plan
