"""Transitions as flat arrays, the common currency of simulator, episodes and models."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract.arrays import Float32, check_shape


@dataclass(frozen=True)
class Transitions:
    """T transitions.

    Attributes:
        obs: (T, O).
        action: applied action, (T, A).
        next_obs: true next observation, also at an episode's end, (T, O).
        reward: (T,).
        terminated: (T,) of bool; time limits and stops are not terminations.
    """

    obs: Float32
    action: Float32
    next_obs: Float32
    reward: Float32
    terminated: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check that all lengths agree."""
        rows, columns = self.obs.shape
        check_shape("next_obs", self.next_obs, (rows, columns))
        check_shape("action", self.action, (rows, None))
        check_shape("reward", self.reward, (rows,))
        check_shape("terminated", self.terminated, (rows,))

    def __len__(self) -> int:
        return len(self.obs)

    def take(self, index: npt.NDArray[np.integer] | slice) -> "Transitions":
        """The rows of `index`."""
        return Transitions(
            self.obs[index],
            self.action[index],
            self.next_obs[index],
            self.reward[index],
            self.terminated[index],
        )


def concatenate(parts: Sequence[Transitions]) -> Transitions:
    """All rows of all parts, in order."""
    return Transitions(
        *(
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("obs", "action", "next_obs", "reward", "terminated")
        )
    )
