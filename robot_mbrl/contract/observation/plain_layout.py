"""The layout of an environment of which nothing is known: the model predicts every column's change.

`ObservationLayout` knows positions, velocities and histories of a robot and predicts a minimal
state; a foreign gymnasium environment gives columns without meaning. Both offer what the ensemble
asks of a layout, see `protocol.py`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray


@dataclass(frozen=True)
class PlainLayout:
    """Every column is a coordinate of its own, and none is another's velocity.

    Attributes:
        size: O = J, the number of columns.
        action_size: A.
        dt: seconds per tick; only a unit here.
    """

    size: int
    action_size: int
    dt: float = 1.0

    @cached_property
    def joints(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f"column {k}" for k in range(self.size))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.joints

    @property
    def alpha(self) -> tuple[float, ...]:
        """No velocity is filtered."""
        return (1.0,) * self.size

    @property
    def units(self) -> tuple[str, ...]:
        """None is known."""
        return ()

    def velocities(self, obs: Any, axis: int = -1) -> Any:
        """Zero (..., O): the model predicts the whole change."""
        return 0.0 * obs

    def advance(self, obs: Any, dq: Any, action: Any, xp: Any = np, axis: int = -1) -> Any:
        """obs + dq, (..., O)."""
        return obs + dq

    def increments(self, obs: FloatArray, next_obs: FloatArray) -> FloatArray:
        """next_obs - obs, (..., O)."""
        return next_obs - obs
