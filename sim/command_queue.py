"""Commands on their way to the motors of B worlds."""

import numpy as np

from robot_mbrl.contract.checks import FloatArray, check_shape
from sim.per_world import PerWorld


class CommandQueue(PerWorld):
    """What the motors will get in each of the next physics steps, by what was sent so far.

    None overtakes an earlier one: it then comes into force together with it, and replaces it.

    Args:
        shape: (B, A).
        longest: the longest lag in steps.
    """

    moving = ("_coming", "_due")

    def __init__(self, shape: tuple[int, int], longest: int) -> None:
        self._coming = np.zeros((shape[0], longest + 1, shape[1]))  # the last one stays for ever
        self._due = np.zeros(shape, dtype=np.int64)
        self._step = np.arange(longest + 1)[:, None]

    @property
    def newest(self) -> FloatArray:
        """The commands (B, A) sent last."""
        return self._coming[:, -1]

    def fill(self, commands: FloatArray, ids: np.ndarray) -> None:
        """As if worlds `ids` (n,) had had commands (n, A) for ever."""
        self._coming[ids], self._due[ids] = commands[:, None], 0

    def send(self, commands: FloatArray, lag: np.ndarray, steps: int) -> FloatArray:
        """Send commands (B, A) with lags (B, A) in whole steps, let `steps` steps pass.

        Returns what was in force in each of them, (B, steps, A). Raises ShapeError.
        """
        check_shape("commands", commands, self._due.shape)
        due = np.maximum(lag, self._due)
        coming = np.where(self._step >= due[:, None], commands[:, None], self._coming)
        shape = (len(commands), steps, commands.shape[1])
        joined = np.concatenate([coming, np.broadcast_to(coming[:, -1:], shape)], 1)
        self._coming, self._due = joined[:, steps:], np.maximum(due - steps, 0)
        return joined[:, :steps]
