"""Worlds that are drawn and built ahead of time, many at once, for those that end one by one."""

from collections.abc import Callable, Sequence

import numpy as np

from robot_mbrl.contract import ObservationLayout, Observer
from robot_mbrl.contract.arrays import FloatArray, Parameters
from sim.laws.per_world import State
from sim.worlds import Worlds


class PreparedWorlds:
    """Worlds drawn and built `size` at a time, up to their first observation.

    Drawing three worlds costs as much as drawing three hundred.

    Attributes:
        table: parameters of the worlds drawn last, (P, size).
        observer: their first observations.

    Args:
        worlds: where they will go.
        draw: draws the parameters of so many worlds.
        measure: what the encoders of the worlds prepared say first, (size, J) rad.
        goals: draws goals (size, G) of so many episodes; None where the task has none.
        paths: of the parameters, P of them.
        layout: of the observations.
        size: how many at once.
    """

    def __init__(
        self,
        worlds: Worlds,
        draw: Callable[[int], Parameters],
        measure: Callable[[], FloatArray],
        goals: Callable[[int], FloatArray | None],
        *,
        paths: Sequence[str],
        layout: ObservationLayout,
        size: int,
    ) -> None:
        self._worlds, self._size, self._paths = worlds, size, list(paths)
        self._draw, self._measure, self._goals = draw, measure, goals
        self.table: FloatArray = np.zeros((len(self._paths), size))
        self.observer = Observer(layout, (size,))
        self.forget()

    def forget(self) -> None:
        """Draw anew before the next world is taken."""
        self._next = self._size

    def take(self, ids: np.ndarray) -> slice:
        """Turn worlds `ids` (n,), n <= size, into the next n prepared; returns which rows of
        `table` and `observer` they are."""
        if self._next + len(ids) > self._size:
            self._fill()
        rows = slice(self._next, self._next + len(ids))
        self._next = rows.stop
        self._worlds.renew(rows, ids)
        return rows

    def _fill(self) -> None:
        drawn = self._draw(self._size)
        self.table, self._next = np.stack([drawn[path] for path in self._paths]), 0
        self._worlds.prepare(drawn)
        self.observer.reset(self._measure(), goal=self._goals(self._size))

    def get_state(self) -> State:
        """What is left, as plain arrays."""
        state: State = {"table": self.table, "q": self.observer.q, "goal": self.observer.goal}
        state["next"] = np.array([self._next])
        return {f"prepared.{name}": array.copy() for name, array in state.items()}

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave."""
        self.table, self._next = state["prepared.table"].copy(), int(state["prepared.next"][0])
        self.observer.reset(state["prepared.q"], goal=state["prepared.goal"])
        if self._next < self._size:
            self._worlds.prepare(dict(zip(self._paths, self.table, strict=True)))
