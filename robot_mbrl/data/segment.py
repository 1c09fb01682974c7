"""A run of rows without gaps: what every learner, judge and simulator of logs is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from robot_mbrl.contract.arrays import FloatArray, check_shape
from robot_mbrl.contract.task import Task
from robot_mbrl.data.transitions import Transitions


@dataclass(frozen=True)
class Segment:
    """T ticks that follow each other; action t acts between observation t and t + 1.

    Attributes:
        obs: (T + 1, O).
        action: applied actions, (T, A).

    Raises ShapeError when one is not one row longer than the other.
    """

    obs: FloatArray
    action: FloatArray

    def __post_init__(self) -> None:
        """Check the lengths."""
        ticks = len(self.action)
        check_shape("obs", self.obs, (ticks + 1, self.obs.shape[-1]))
        check_shape("action", self.action, (ticks, self.action.shape[-1]))

    def __len__(self) -> int:
        """Ticks T."""
        return len(self.action)

    def take(self, begin: int, end: int) -> "Segment":
        """Ticks begin..end - 1."""
        return Segment(self.obs[begin : end + 1], self.action[begin:end])

    def cut(self, ticks: int) -> list["Segment"]:
        """Neighbouring segments of about `ticks` ticks each, all of them kept; an edge row is the
        last of one and the first of the next."""
        edges = np.linspace(0, len(self), max(1, round(len(self) / ticks)) + 1).astype(int)
        return [self.take(a, b) for a, b in pairwise(edges)]

    def transitions(self, task: Task | None = None) -> Transitions:
        """Its ticks one by one, rewarded by `task`; without one by 0 and never ended, enough for a
        dynamics model."""
        obs, action = self.obs.astype(np.float32), self.action.astype(np.float32)
        if task is None:
            nothing = np.zeros(len(self), np.float32)
            return Transitions(obs[:-1], action, obs[1:], nothing, nothing > 0)
        next_obs = np.asarray(self.obs[1:], np.float64)
        reward = np.asarray(task.reward(next_obs, self.action), np.float32)
        return Transitions(obs[:-1], action, obs[1:], reward, task.terminated(next_obs))


def long_enough(segments: Sequence[Segment], ticks: int) -> list[Segment]:
    """Those of at least `ticks` ticks."""
    return [s for s in segments if len(s) >= ticks]
