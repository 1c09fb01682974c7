"""Arrays whose first axis is the world: copied from world to world, saved and restored alike."""

from typing import ClassVar

import numpy as np

State = dict[str, np.ndarray]
"""Plain arrays by name."""


class PerWorld:
    """Holds something of B worlds; subclasses name their attributes that are arrays (B, ...).

    Attributes:
        drawn: those that follow from a world's parameters.
        moving: those that change as time passes.
    """

    drawn: ClassVar[tuple[str, ...]] = ()
    moving: ClassVar[tuple[str, ...]] = ()

    def take(self, other: "PerWorld", rows: slice, ids: np.ndarray) -> None:
        """Make worlds `ids` (n,) such as another's worlds `rows` (n,) are."""
        for name in self.drawn + self.moving:
            getattr(self, name)[ids] = getattr(other, name)[rows]

    def get_state(self, prefix: str) -> State:
        """Copies of what changes as time passes, named with a prefix."""
        return {prefix + name.strip("_"): getattr(self, name).copy() for name in self.moving}

    def set_state(self, state: State, prefix: str) -> None:
        """Go on from what `get_state` gave."""
        for name in self.moving:
            getattr(self, name)[...] = state[prefix + name.strip("_")]
