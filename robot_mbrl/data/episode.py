"""A recorded episode as arrays, and the transitions that may be learned from.

Row t's applied action acts between observation t and t + 1: T rows hold at most T - 1 transitions.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.task import Task
from robot_mbrl.data.header import EpisodeHeader
from robot_mbrl.data.tick import TickFlag
from robot_mbrl.data.transitions import Transitions

UNUSABLE = TickFlag.STALE | TickFlag.HELD | TickFlag.SEND_FAILED | TickFlag.OVER_LIMIT
CLOCK_TOLERANCE = 0.5
"""Share of a period by which device time may differ from one tick before it counts as a gap."""


@dataclass(frozen=True)
class Episode:
    """One recorded episode of T ticks; fields as in `Tick`, one row a tick.

    Attributes:
        complete: the file was closed properly.
        stop_reason: why it ended; None where the file was cut before its footer.
        report: what the recorder left at the end.
    """

    path: Path
    metadata: EpisodeHeader
    index: npt.NDArray[np.int64]
    time_s: FloatArray
    device_time_s: FloatArray
    q_rad: FloatArray
    observations: FloatArray
    proposed: FloatArray
    actions: FloatArray
    disagreement: FloatArray
    innovation: FloatArray
    lateness_s: FloatArray
    plan_time_s: FloatArray
    flags: npt.NDArray[np.int64]
    complete: bool
    stop_reason: str | None
    report: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)

    def segments(self) -> list[slice]:
        """Runs of rows that follow each other without a gap, two rows or more each.

        A run breaks where the index or the device clock jumps, and around ticks whose observation
        or action is not the truth (stale, held, not confirmed, beyond the limit).
        """
        period = 1.0 / self.metadata.rate_hz
        off_s = np.abs(np.diff(self.device_time_s) - period)
        linked = (np.diff(self.index) == 1) & (off_s <= CLOCK_TOLERANCE * period)
        usable = (self.flags & int(UNUSABLE)) == 0
        linked &= usable[:-1] & usable[1:] & ((self.flags[1:] & TickFlag.NEW_SEGMENT) == 0)
        edges = np.diff(np.concatenate([[0], linked.astype(int), [0]]))
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        return [slice(int(a), int(b) + 1) for a, b in zip(starts, ends, strict=True)]

    def transitions(self, task: Task | None = None) -> Transitions:
        """Every step within a segment; reward 0 and never terminated without a task."""
        first = [np.arange(s.start, s.stop - 1) for s in self.segments()]
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *first]).astype(np.int64)
        action, next_obs = self.actions[rows], self.observations[rows + 1]
        reward = np.zeros(len(rows)) if task is None else task.reward(next_obs, action)
        terminated = np.zeros(len(rows), bool) if task is None else task.terminated(next_obs)
        return Transitions(
            self.observations[rows].astype(np.float32),
            action.astype(np.float32),
            next_obs.astype(np.float32),
            reward.astype(np.float32),
            terminated,
        )
