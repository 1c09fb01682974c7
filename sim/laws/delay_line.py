"""Values that arrive late: what was put in some time ago, for B worlds at once."""

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from sim.laws.per_world import PerWorld, State

EVERY = np.s_[:]


class DelayLine(PerWorld):
    """The last values (B, K) put in, one a step, each read with its own lag.

    Example: after putting 1.0, 2.0, 4.0, a lag of 0 reads 4.0, of 1 reads 2.0, of 1.5 reads 1.5.

    Args:
        shape: (B, K).
        max_lag: longest lag in steps.
    """

    drawn = ("_back", "_share")  # they follow from the lag
    moving = ("_values", "_lag")

    def __init__(self, shape: tuple[int, int], max_lag: int) -> None:
        self._length, self._columns = max_lag + 2, shape[1]
        self._values = np.zeros((shape[0], self._length, shape[1]))  # the newest last
        # Flat indices: numpy is slow with three. Those within a world change with the lags only.
        self._first = np.arange(shape[0])[:, None] * (self._length * shape[1])
        self._back, self._share = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        self._lag = np.zeros(shape)
        self.set_lag(np.zeros(shape), EVERY)

    def set_lag(self, lag: FloatArray, ids: np.ndarray | slice) -> None:
        """Give worlds `ids` (n,) lags (n, K) or (n, 1) in steps."""
        whole = np.floor(lag).astype(int)
        self._back[ids] = (self._length - 1 - whole) * self._columns + np.arange(self._columns)
        self._share[ids] = lag - whole
        self._lag[ids] = lag

    def fill(self, values: FloatArray, ids: np.ndarray) -> None:
        """Let worlds `ids` (n,) be as if they had held values (n, K) for ever."""
        self._values[ids] = values[:, None]

    def put(self, values: FloatArray) -> None:
        """Add the values (B, n, K) of the next n steps."""
        new = values[:, -self._length :]
        kept = self._length - new.shape[1]
        if kept:
            self._values[:, :kept] = self._values[:, -kept:]
        self._values[:, kept:] = new

    def read(self, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """Late values (n, K) of worlds `ids`, linear between steps."""
        newer, share = self._first[ids] + self._back[ids], self._share[ids]
        values = self._values.ravel()
        # not newer + share * (older - newer): a whole lag shall give exactly what was put in
        result: FloatArray = (1 - share) * values.take(newer)
        result += share * values.take(newer - self._columns)
        return result

    def set_state(self, state: State, prefix: str) -> None:
        """Go on from what `get_state` gave."""
        super().set_state(state, prefix)
        self.set_lag(self._lag.copy(), EVERY)
