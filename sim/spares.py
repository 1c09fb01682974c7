"""Worlds that are drawn and built ahead of time, many at once, for those that end one by one."""

from collections.abc import Callable

import numpy as np

from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.parameters import Parameters
from sim.worlds import Worlds


class Spares:
    """Drawing three worlds costs as much as drawing three hundred: this draws `size` when none is
    left.

    Args:
        worlds: where they will go.
        draw: draws the parameters of so many worlds.
        size: how many at once.
    """

    def __init__(self, worlds: Worlds, draw: Callable[[int], Parameters], size: int) -> None:
        self._worlds, self._draw, self._size = worlds, draw, size
        self._table: FloatArray = np.zeros((0, size))
        self.forget()

    def forget(self) -> None:
        """Draw anew before the next world is taken."""
        self._next = self._size

    def take(self, ids: np.ndarray) -> FloatArray:
        """Make worlds `ids` (n,), n <= size, of the next n; returns their parameters (P, n)."""
        if self._next + len(ids) > self._size:
            drawn = self._draw(self._size)
            self._table, self._next = np.stack(list(drawn.values())), 0
            self._worlds.prepare(drawn)
        rows = slice(self._next, self._next + len(ids))
        self._next = rows.stop
        self._worlds.renew(rows, ids)
        return self._table[:, rows]
