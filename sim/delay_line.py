"""Values that arrive late: what was put in some time ago, for B worlds at once."""

import numpy as np

from robot_mbrl.contract.checks import FloatArray


class DelayLine:
    """The last values (B, K) put in, one a step.

    Example: after putting 1.0, 2.0, 4.0, a lag of 0 reads 4.0, of 1 reads 2.0, of 1.5 reads 1.5.

    Args:
        shape: (B, K).
        max_lag: longest lag in steps.
    """

    def __init__(self, shape: tuple[int, int], max_lag: int) -> None:
        self._values = np.zeros((max_lag + 2, *shape))
        self._newest = 0
        self._world, self._column = np.ogrid[: shape[0], : shape[1]]

    def fill(self, values: FloatArray, ids: np.ndarray) -> None:
        """As if worlds `ids` (n,) had held values (n, K) for ever."""
        self._values[:, ids] = values

    def put(self, values: FloatArray) -> None:
        """Add the values (B, K) of the next step."""
        self._newest = (self._newest + 1) % len(self._values)
        self._values[self._newest] = values

    def read(self, lag: FloatArray) -> FloatArray:
        """Values (B, K) of `lag` (B, K) or (B, 1) steps ago, linear between steps."""
        whole = np.floor(lag).astype(int)
        share = lag - whole
        newer, older = self._at(whole), self._at(whole + 1)
        # not newer + share * (older - newer): a whole lag shall give exactly what was put in
        result: FloatArray = (1 - share) * newer + share * older
        return result

    def _at(self, lag: np.ndarray) -> FloatArray:
        row = (self._newest - lag) % len(self._values)
        values: FloatArray = self._values[row, self._world, self._column]
        return values
