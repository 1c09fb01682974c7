"""Values that arrive late: what was put in some time ago, for B worlds at once."""

import numpy as np

from robot_mbrl.contract.checks import FloatArray

EVERY = np.s_[:]


class DelayLine:
    """The last values (B, K) put in, one a step.

    Example: after putting 1.0, 2.0, 4.0, a lag of 0 reads 4.0, of 1 reads 2.0, of 1.5 reads 1.5.

    Args:
        shape: (B, K).
        max_lag: longest lag in steps.
    """

    def __init__(self, shape: tuple[int, int], max_lag: int) -> None:
        self._length = max_lag + 2
        self._values = np.zeros((shape[0], self._length, shape[1]))  # the newest last
        self._world, self._column = np.ogrid[: shape[0], : shape[1]]

    def fill(self, values: FloatArray, ids: np.ndarray) -> None:
        """As if worlds `ids` (n,) had held values (n, K) for ever."""
        self._values[ids] = values[:, None]

    def put(self, values: FloatArray) -> None:
        """Add the values (B, n, K) of the next n steps."""
        left = self._values[:, values.shape[1] :]
        self._values = np.concatenate([left, values[:, -self._length :]], 1)

    def read(self, lag: FloatArray, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """Values (n, K) of worlds `ids`, `lag` (n, K) or (n, 1) steps ago, linear between steps."""
        whole = np.floor(lag).astype(int)
        share = lag - whole
        row = self._world[ids] * self._length + self._length - 1 - whole
        newer = row * self._values.shape[2] + self._column
        values = self._values.ravel()  # one index: numpy is slow with three
        # not newer + share * (older - newer): a whole lag shall give exactly what was put in
        result: FloatArray = (1 - share) * values.take(newer)
        result += share * values.take(newer - self._values.shape[2])
        return result

    def hold(self, value: FloatArray, lag: np.ndarray, steps: int) -> FloatArray:
        """Put `value` (B, K) in for `steps` steps; returns what comes out at each of them, (B,
        steps, K), after a `lag` (B, K) of whole steps."""
        held = np.broadcast_to(value[:, None], (len(value), steps, value.shape[1]))
        joined = np.concatenate([self._values, held], 1)
        self._values = joined[:, steps:].copy()
        row = self._world * joined.shape[1] + self._length - lag
        first = row * joined.shape[2] + self._column
        late: FloatArray = joined.ravel().take(
            first[:, None] + joined.shape[2] * np.arange(steps)[:, None]
        )
        return late
