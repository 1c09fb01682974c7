"""Periods on an absolute grid: wait for the next one, leave out those that are over."""

import math
from dataclasses import dataclass

from robot_mbrl.contract import Clock

ROUNDING_S = 1e-9
START_SHARE = 0.5
"""Of a period: a tick that cannot start by then is left out, so no two ticks come closer."""


@dataclass(frozen=True)
class Period:
    """A period whose tick begins now.

    Attributes:
        index: its number on the grid, 0 first.
        skipped: periods just before it that were left out, their ticks never ran.
        lateness_s: how long after its grid time the tick begins, in s.
        last_tick_s: how long the tick before it took, in s.
    """

    index: int = 0
    skipped: int = 0
    lateness_s: float = 0.0
    last_tick_s: float = 0.0


class Pacer:
    """Periods of `dt_s` seconds, one tick in each, in phase whatever happens.

    A tick that lasts beyond its period, or wakes up later than half of one, is followed by the
    next grid time that can still be met: never by a burst of ticks that make up for lost time.
    """

    def __init__(self, clock: Clock, dt_s: float) -> None:
        """Periods of `clock`; `start` lays the grid."""
        self._clock, self._dt_s = clock, dt_s
        self.start()

    def start(self) -> Period:
        """The grid begins now, with period 0."""
        self._due_s = self._began_s = self._clock.now()
        self._index = 0
        return Period()

    def wait(self) -> Period:
        """Wait for the next period; its tick begins when this returns."""
        took_s = self._clock.now() - self._began_s
        over_s = self._clock.now() - (self._due_s + self._dt_s)
        skipped = math.ceil(over_s / self._dt_s) if over_s > ROUNDING_S else 0
        while True:
            due_s = self._due_s + (1 + skipped) * self._dt_s
            lateness_s = self._clock.wait_until(due_s)
            if lateness_s <= START_SHARE * self._dt_s:
                break
            skipped += math.floor(lateness_s / self._dt_s + START_SHARE)
        self._due_s, self._began_s = due_s, due_s + lateness_s
        self._index += 1 + skipped
        return Period(self._index, skipped, lateness_s, took_s)

    def get_state(self) -> dict[str, float]:
        """Where it is on its grid."""
        return {"due_s": self._due_s, "began_s": self._began_s, "index": self._index}

    def set_state(self, state: dict[str, float]) -> None:
        """Go on from what `get_state` gave, of the same clock."""
        self._due_s, self._began_s = state["due_s"], state["began_s"]
        self._index = int(state["index"])
