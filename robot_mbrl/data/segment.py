"""A run of rows without gaps: what learners, evaluations and simulators of logs are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract.arrays import check_shape
from robot_mbrl.contract.task import Task
from robot_mbrl.data.transitions import Transitions, concatenate

Rows = npt.NDArray[Any]


@dataclass(frozen=True)
class Segment:
    """T ticks that follow each other; action t acts between observation t and t + 1.

    Attributes:
        obs: (T + 1, O).
        action: applied actions, (T, A).

    Raises ShapeError when one is not one row longer than the other.
    """

    obs: Rows
    action: Rows

    def __post_init__(self) -> None:
        """Check the lengths."""
        check_shape("obs", self.obs, (len(self.action) + 1, None))
        check_shape("action", self.action, (None, None))

    def __len__(self) -> int:
        """Ticks T."""
        return len(self.action)

    def take(self, begin: int, end: int) -> "Segment":
        """Ticks begin..end - 1."""
        return Segment(self.obs[begin : end + 1], self.action[begin:end])

    def transitions(self, task: Task | None = None) -> Transitions:
        """Its ticks one by one, rewarded by `task`; without one by 0 and never ended, enough for a
        dynamics model."""
        obs, action = self.obs.astype(np.float32), self.action.astype(np.float32)
        if task is None:
            nothing = np.zeros(len(self), np.float32)
            return Transitions(obs[:-1], action, obs[1:], nothing, nothing > 0)
        reward = np.asarray(task.reward(self.obs[1:], self.action), np.float32)
        return Transitions(obs[:-1], action, obs[1:], reward, task.terminated(self.obs[1:]))


def long_enough(segments: Sequence[Segment], ticks: int) -> list[Segment]:
    """The segments of at least `ticks` ticks."""
    return [s for s in segments if len(s) >= ticks]


def transitions_of(segments: Sequence[Segment], task: Task | None = None) -> Transitions:
    """Every tick of one or more segments, in order; see `Segment.transitions`."""
    return concatenate([s.transitions(task) for s in segments])
