"""Layout: the knowledge of observations that dynamics models, planners and agents ask for."""

from typing import Any, Protocol

import numpy as np

from robot_mbrl.contract.arrays import FloatArray


class Layout(Protocol):
    """The protocol of everything that knows what the columns of an observation mean.

    Attributes:
        joints: names of the J predicted coordinates.
        columns: names of the O columns.
        size: O, the number of columns.
        action_size: A.
        dt: seconds per tick.
        alpha: filter gains of the velocities.
        units: of the coordinates, see `joint_units`.
    """

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the predicted coordinates, J of them."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, O of them."""

    @property
    def size(self) -> int:
        """O."""

    @property
    def action_size(self) -> int:
        """A."""

    @property
    def dt(self) -> float:
        """Seconds per tick."""

    @property
    def alpha(self) -> tuple[float, ...]:
        """Filter gain of each velocity, J of them; 1 is unfiltered."""

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each coordinate, "rad" or "m", J of them; () where all are rad, or have none."""

    def velocities(self, obs: Any, axis: int = -1) -> Any:
        """Velocities (..., J) of observations (..., O)."""

    def advance(self, obs: Any, dq: Any, action: Any, xp: Any = np, axis: int = -1) -> Any:
        """The next observation (..., O) that increments dq (..., J) lead to.

        `axis` is that of the columns in everything, -1 or -2: planners let the rows run along the
        last one.
        """

    def increments(self, obs: FloatArray, next_obs: FloatArray) -> FloatArray:
        """Invert `advance`: (..., J)."""


def joint_units(layout: Layout) -> tuple[str, ...]:
    """Unit of each coordinate's position, "rad" or "m"; its velocity is in this per second."""
    return layout.units or ("rad",) * len(layout.joints)
