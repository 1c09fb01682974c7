"""A plain layout in which some pairs of columns are the cosine and sine of one angle.

The model then predicts the angle's change and both columns follow exactly: a predicted observation
never leaves the circle, however often it is fed back. All other columns are plain.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.observation.columns import columns


@dataclass(frozen=True)
class AngleLayout:
    """Columns of which pairs are angles; offers what `Layout` asks.

    Attributes:
        size: O, the number of columns.
        action_size: A.
        angles: (column of the cosine, column of the sine) of each angle.
        dt: seconds per tick; only a unit here.

    The predicted coordinates stand in the order of columns, an angle where its cosine stands.
    Raises SettingsError for pairs that overlap or name no column.
    """

    size: int
    action_size: int
    angles: tuple[tuple[int, int], ...]
    dt: float = 1.0

    def __post_init__(self) -> None:
        """Check the pairs."""
        named = [c for pair in self.angles for c in pair]
        if len(set(named)) != len(named) or not all(0 <= c < self.size for c in named):
            raise SettingsError(
                f"angles {self.angles}: expected pairs of different columns from 0 to "
                f"{self.size - 1}, each named once"
            )

    @cached_property
    def _sine_of(self) -> dict[int, int]:
        return dict(self.angles)

    @cached_property
    def _leading(self) -> tuple[int, ...]:
        """The column at which each coordinate stands."""
        sines = set(self._sine_of.values())
        return tuple(c for c in range(self.size) if c not in sines)

    @cached_property
    def joints(self) -> tuple[str, ...]:
        """Names of the J = O - (number of angles) coordinates."""
        kinds = ("angle" if c in self._sine_of else "column" for c in self._leading)
        return tuple(f"{kind} {c}" for kind, c in zip(kinds, self._leading, strict=True))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        names = [f"column {c}" for c in range(self.size)]
        for cosine, sine in self.angles:
            names[cosine], names[sine] = f"angle {cosine}.cos", f"angle {cosine}.sin"
        return tuple(names)

    @property
    def alpha(self) -> tuple[float, ...]:
        """No velocity is filtered."""
        return (1.0,) * len(self.joints)

    @property
    def units(self) -> tuple[str, ...]:
        """None is known."""
        return ()

    def velocities(self, obs: Any, axis: int = -1) -> Any:
        """Zero (..., J): the model predicts the whole change."""
        return 0.0 * columns(obs, 0, len(self.joints), axis)

    def advance(self, obs: Any, dq: Any, action: Any, xp: Any = np, axis: int = -1) -> Any:
        """The next observation (..., O): angles turned by dq (..., J), other columns moved."""
        parts: dict[int, Any] = {}
        for j, c in enumerate(self._leading):
            step, old = columns(dq, j, j + 1, axis), columns(obs, c, c + 1, axis)
            if c in self._sine_of:
                s = self._sine_of[c]
                sine = columns(obs, s, s + 1, axis)
                parts[c] = old * xp.cos(step) - sine * xp.sin(step)
                parts[s] = sine * xp.cos(step) + old * xp.sin(step)
            else:
                parts[c] = old + step
        return xp.concatenate([parts[c] for c in range(self.size)], axis)

    def increments(self, obs: FloatArray, next_obs: FloatArray) -> FloatArray:
        """Invert `advance`: (..., J), each angle's change within half a turn."""
        parts = []
        for c in self._leading:
            if c in self._sine_of:
                s = self._sine_of[c]
                cos = next_obs[..., c] * obs[..., c] + next_obs[..., s] * obs[..., s]
                sin = next_obs[..., s] * obs[..., c] - next_obs[..., c] * obs[..., s]
                parts.append(np.arctan2(sin, cos))
            else:
                parts.append(next_obs[..., c] - obs[..., c])
        return np.stack(parts, -1)
