"""The policy view of a robot: what policy and critics are given of an observation, and what the
policy's output means as an action.

Two things that physics knows and networks would have to learn: a task may tell where the goal is
(`Task.features`), and a command that may move only so far in a tick is put out as a move from where
it is. An absolute position must be right to the last digit in every state; a move must only point
the right way, and no move is rest.
"""

from typing import Any

import torch
from torch import Tensor

from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.contract.task import Task
from robot_mbrl.networks.normalizer import Whitener

WHITEN_FLOOR, WHITEN_CLIP = 0.1, 5.0  # .05 without a clip diverged


def make_whitener(size: int) -> Whitener:
    """What policy and critics normalize their S inputs with."""
    return Whitener(size, floor=WHITEN_FLOOR, clip=WHITEN_CLIP)


class PolicyView:
    """The plain view: observations and actions as they are.

    Attributes:
        size: S, inputs of a network.
        direct: an output is an action, whatever is observed.
    """

    direct = True

    def __init__(self, size: int) -> None:
        self.size = size

    def inputs(self, obs: Tensor) -> Tensor:
        """Observations (..., O) -> (..., S)."""
        return obs

    def to_action(self, obs: Tensor, output: Tensor) -> Tensor:
        """A policy's output (..., A) in [-1, 1] -> an action."""
        return output

    def to_output(self, obs: Tensor, action: Tensor) -> Tensor:
        """The inverse of `to_action`."""
        return action

    def slope(self, obs: Tensor, output: Tensor) -> Tensor | None:
        """Slope (B, A) of to_output(obs, to_action(obs, u)) at u: 1, or 0 where a bound of the
        action cuts the output; None where it is 1 everywhere."""
        return None


class TaskPolicyView(PolicyView):
    """The view of a robot with a task.

    Args:
        layout: of the observation.
        task: may have `features`.
    """

    def __init__(self, layout: Layout, task: Task) -> None:
        self._layout: Any = layout
        self._features = getattr(task, "features", None)
        self._slewed = getattr(layout, "slewed", False)
        self.direct = not self._slewed
        super().__init__(self.inputs(torch.zeros(1, layout.size)).shape[-1])

    def inputs(self, obs: Tensor) -> Tensor:
        """The observation, then the task's features."""
        return torch.cat([obs, self._features(obs, xp=torch)], -1) if self._features else obs

    def to_action(self, obs: Tensor, output: Tensor) -> Tensor:
        """The last action plus this share of the largest move."""
        if not self._slewed:
            return output
        last, step, free = self._last(obs)
        return torch.where(free, output, last + step * output).clamp(-1.0, 1.0)

    def to_output(self, obs: Tensor, action: Tensor) -> Tensor:
        """The share of the largest move that an action is."""
        if not self._slewed:
            return action
        last, step, free = self._last(obs)
        return torch.where(free, action, (action - last) / step)

    def slope(self, obs: Tensor, output: Tensor) -> Tensor | None:
        """0 where a move ends at a bound."""
        if not self._slewed:
            return None
        last, step, free = self._last(obs)
        return (free | ((last + step * output).abs() <= 1)).to(output.dtype)

    def _last(self, obs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        step = torch.as_tensor(self._layout.action_step, dtype=obs.dtype)
        free = torch.isinf(step)
        return self._layout.last_action(obs), torch.where(free, 1.0, step), free
