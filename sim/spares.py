"""Worlds that are drawn and built ahead of time, many at once, for those that end one by one."""

from collections.abc import Callable, Sequence

import numpy as np

from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.parameters import Parameters
from sim.per_world import State
from sim.worlds import Worlds


class Spares:
    """Drawing three worlds costs as much as drawing three hundred: this draws `size` when none is
    left.

    Args:
        worlds: where they will go.
        draw: draws the parameters of so many worlds.
        paths: of the parameters, P of them.
        size: how many at once.
    """

    def __init__(
        self,
        worlds: Worlds,
        draw: Callable[[int], Parameters],
        paths: Sequence[str],
        size: int,
    ) -> None:
        self._worlds, self._draw, self._size = worlds, draw, size
        self._paths = list(paths)
        self._table: FloatArray = np.zeros((len(self._paths), size))
        self.forget()

    def forget(self) -> None:
        """Draw anew before the next world is taken."""
        self._next = self._size

    def take(self, ids: np.ndarray) -> FloatArray:
        """Make worlds `ids` (n,), n <= size, of the next n; returns their parameters (P, n)."""
        if self._next + len(ids) > self._size:
            drawn = self._draw(self._size)
            self._table, self._next = np.stack([drawn[path] for path in self._paths]), 0
            self._worlds.prepare(drawn)
        rows = slice(self._next, self._next + len(ids))
        self._next = rows.stop
        self._worlds.renew(rows, ids)
        return self._table[:, rows]

    def get_state(self) -> State:
        """What is left, as plain arrays."""
        return {"spares.table": self._table.copy(), "spares.next": np.array([self._next])}

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave."""
        self._table[:], self._next = state["spares.table"], int(state["spares.next"][0])
        if self._next < self._size:
            self._worlds.prepare(dict(zip(self._paths, self._table, strict=True)))
