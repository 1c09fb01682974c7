"""Ring buffer of transitions with explicit generators."""

import numpy as np
import numpy.typing as npt

from robot_mbrl.data.transitions import Transitions

Rows = npt.NDArray[np.float32]


class ReplayBuffer:
    """The newest `capacity` transitions.

    A row holds obs | action | next_obs | reward | terminated side by side, so that a batch is one
    gather.
    """

    def __init__(self, obs_size: int, action_size: int, capacity: int) -> None:
        self.obs_size, self.action_size, self.capacity = obs_size, action_size, capacity
        self.rows: Rows = np.zeros((capacity, 2 * obs_size + action_size + 2), dtype=np.float32)
        self.added = 0

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, transitions: Transitions) -> None:
        """Append T transitions, overwriting the oldest."""
        rows = np.concatenate(
            [
                transitions.obs,
                transitions.action,
                transitions.next_obs,
                transitions.reward[:, None],
                transitions.terminated[:, None],
            ],
            -1,
            dtype=np.float32,
        )[-self.capacity :]
        at = (self.added + np.arange(len(rows))) % self.capacity
        self.rows[at] = rows
        self.added += len(rows)

    def sample(self, size: int, rng: np.random.Generator) -> Rows:
        """`size` rows drawn uniformly with replacement."""
        return self.rows[rng.integers(len(self), size=size)]

    def split(self, rows: Rows) -> Transitions:
        """Name the columns of rows."""
        o, a = self.obs_size, self.action_size
        return Transitions(
            rows[:, :o],
            rows[:, o : o + a],
            rows[:, o + a : 2 * o + a],
            rows[:, -2],
            rows[:, -1] > 0.5,
        )

    def all(self) -> Transitions:
        """Everything held, oldest first."""
        start = self.added % self.capacity if self.added > self.capacity else 0
        return self.split(np.roll(self.rows[: len(self)], -start, axis=0))

    def clear(self) -> None:
        """Forget everything."""
        self.added = 0
