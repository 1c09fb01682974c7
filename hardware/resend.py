"""One more try for a lost reply, where the control period has time for it."""

import math
from collections.abc import Callable
from typing import TypeVar

from robot_mbrl.contract.errors import LinkTimeout

USABLE_SHARE = 0.9
"""Of a period; the rest is for the recorder and for waking up in time."""
FADING = 0.95
"""Of the longest thinking time, for each tick since."""

T = TypeVar("T")


class Resend:
    """Sends what got no reply once more, if everything else of the tick still fits.

    A tick begins with `read`; then the controller thinks, and `send` ends it. Only a request that
    may arrive twice is sent twice: to read, and to follow a command, are such.
    """

    def __init__(self, period_s: float, timeout_s: float, now: Callable[[], float]) -> None:
        """Args: the control period, the longest wait for a reply, the time of both."""
        self._period_s, self._timeout_s, self._now = period_s, timeout_s, now
        self._began_s = self._read_s = now()
        self._thinking_s = math.inf  # not known yet: nothing fits
        self._thought = True

    def read(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, which begins a tick; raises LinkTimeout."""
        self._began_s = self._now()
        try:
            # still to come: this reply, the controller, a command and its reply
            return self._twice(ask, 2 * self._timeout_s + self._thinking_s)
        finally:
            self._read_s, self._thought = self._now(), False

    def send(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, which ends a tick; raises LinkTimeout."""
        if not self._thought:
            latest_s = min(self._now() - self._read_s, self._period_s)
            known = math.isfinite(self._thinking_s)
            self._thinking_s = max(latest_s, FADING * self._thinking_s) if known else latest_s
            self._thought = True
        return self._twice(ask, self._timeout_s)

    def _twice(self, ask: Callable[[], T], needed_s: float) -> T:
        try:
            return ask()
        except LinkTimeout:
            if self._now() + needed_s > self._began_s + USABLE_SHARE * self._period_s:
                raise
            return ask()
