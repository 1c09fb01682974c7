"""Commands on their way to the motors of B worlds."""

import numpy as np

from robot_mbrl.contract.arrays import FloatArray, check_shape
from sim.laws.per_world import PerWorld, State


class CommandQueue(PerWorld):
    """What the motors will get in each of the next physics steps, by what was sent so far.

    None overtakes an earlier one: it then comes into force together with it, and replaces it.

    Args:
        shape: (B, A).
        longest: the longest lag in steps.
    """

    moving = ("_due",)

    def __init__(self, shape: tuple[int, int], longest: int) -> None:
        # Steps first: numpy is slow where the last axes are short and not walked as one.
        self._coming = np.zeros((longest + 1, *shape))  # the last one stays for ever
        self._due = np.zeros(shape, dtype=np.int64)
        self._step = np.arange(longest + 1)[:, None, None]

    @property
    def newest(self) -> FloatArray:
        """The commands (B, A) sent last."""
        newest: FloatArray = self._coming[-1]
        return newest

    def fill(self, commands: FloatArray, ids: np.ndarray) -> None:
        """As if worlds `ids` (n,) had had commands (n, A) for ever."""
        self._coming[:, ids], self._due[ids] = commands, 0

    def take(self, other: PerWorld, rows: slice, ids: np.ndarray) -> None:
        """Make worlds `ids` (n,) like another's worlds `rows` (n,)."""
        assert isinstance(other, CommandQueue)
        self._due[ids] = other._due[rows]
        self._coming[:, ids] = other._coming[:, rows]

    def send(self, commands: FloatArray, lag: np.ndarray, steps: int) -> FloatArray:
        """Send commands (B, A) with lags (B, A) in whole steps, let `steps` steps pass.

        Returns what was in force in each of them, (B, steps, A). Raises ShapeError.
        """
        check_shape("commands", commands, self._due.shape)
        due = np.maximum(lag, self._due)
        length = len(self._coming)
        joined = np.empty((length + steps, *due.shape))
        coming = joined[:length]
        coming[:] = self._coming
        np.copyto(coming, commands, where=self._step >= due)
        joined[length:] = commands
        self._coming, self._due = joined[steps:], np.maximum(due - steps, 0)
        return np.ascontiguousarray(joined[:steps].swapaxes(0, 1))

    def get_state(self, prefix: str) -> State:
        """Copies of what changes as time passes, named with a prefix."""
        coming = np.ascontiguousarray(self._coming.swapaxes(0, 1))
        return super().get_state(prefix) | {prefix + "coming": coming}

    def set_state(self, state: State, prefix: str) -> None:
        """Go on from what `get_state` gave."""
        super().set_state(state, prefix)
        self._coming[:] = state[prefix + "coming"].swapaxes(0, 1)
