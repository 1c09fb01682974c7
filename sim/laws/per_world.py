"""Arrays whose first axis is the world: copied from world to world, saved and restored alike."""

from typing import ClassVar

import numpy as np

State = dict[str, np.ndarray]
"""Plain arrays by name."""


def by_world(array: np.ndarray) -> np.ndarray:
    """The memory of a contiguous array (B, ...) as one opaque item for each world, (B,).

    Numpy copies a few chosen items five times faster than as many rows.
    """
    rows = array.reshape(len(array), -1, copy=False)
    return rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]


class PerWorld:
    """A part of B worlds, whose subclasses name those attributes that are arrays (B, ...).

    Attributes:
        drawn: names of arrays that follow from a world's parameters.
        moving: names of arrays that change as time passes.
    """

    drawn: ClassVar[tuple[str, ...]] = ()
    moving: ClassVar[tuple[str, ...]] = ()

    @property
    def arrays(self) -> list[np.ndarray]:
        """All arrays that are named."""
        return [getattr(self, name) for name in self.drawn + self.moving]

    def take(self, other: "PerWorld", rows: slice, ids: np.ndarray) -> None:
        """Make worlds `ids` (n,) like another's worlds `rows` (n,)."""
        for mine, theirs in zip(self.arrays, other.arrays, strict=True):
            mine[ids] = theirs[rows]

    def get_state(self, prefix: str) -> State:
        """Copies of what changes as time passes, named with a prefix."""
        return {prefix + name.strip("_"): getattr(self, name).copy() for name in self.moving}

    def set_state(self, state: State, prefix: str) -> None:
        """Go on from what `get_state` gave."""
        for name in self.moving:
            getattr(self, name)[...] = state[prefix + name.strip("_")]
