"""Counters of a device that begin anew when their 32 bits are full: they go on here."""

from collections.abc import Sequence

WIDTH = 1 << 32


class Unwrapped:
    """Several counters as they would be if they had no end.

    Between two values a counter is taken to have moved the shorter way, so by less than 2^31.

    Example: take([2**31 - 1]) gives (2**31 - 1,), then take([-(2**31)]) gives (2**31,).
    """

    def __init__(self) -> None:
        self._total: tuple[int, ...] | None = None

    def restart(self) -> None:
        """Forget: the next values are taken as they are."""
        self._total = None

    def take(self, values: Sequence[int]) -> tuple[int, ...]:
        """The next values of the counters, signed or not, and where those have come to."""
        before = values if self._total is None else self._total
        self._total = tuple(t + signed(v - t) for t, v in zip(before, values, strict=True))
        return self._total


def signed(value: int) -> int:
    """A whole number as 32 bits hold it, from -2^31 to 2^31 - 1."""
    return (value + WIDTH // 2) % WIDTH - WIDTH // 2


def unsigned(value: int) -> int:
    """A whole number as 32 bits without a sign hold it, from 0 to 2^32 - 1."""
    return value % WIDTH
