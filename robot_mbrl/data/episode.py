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
from robot_mbrl.data.segment import Segment, transitions_of
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

    def segments(self) -> list[Segment]:
        """Ticks that follow each other without a gap, one tick or more each, oldest first.

        A segment ends where the index or the device clock jumps, and around ticks whose observation
        or action is not the truth (stale, held, not confirmed, beyond the limit).
        """
        period = 1.0 / self.metadata.rate_hz
        off_s = np.abs(np.diff(self.device_time_s) - period)
        linked = (np.diff(self.index) == 1) & (off_s <= CLOCK_TOLERANCE * period)
        usable = (self.flags & int(UNUSABLE)) == 0
        linked &= usable[:-1] & usable[1:] & ((self.flags[1:] & TickFlag.NEW_SEGMENT) == 0)
        edges = np.diff(np.concatenate([[0], linked.astype(int), [0]]))
        begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        return [
            Segment(self.observations[a : b + 1], self.actions[a:b])
            for a, b in zip(begins, ends, strict=True)
        ]

    def transitions(self, task: Task | None = None) -> Transitions:
        """Every tick of its segments; reward 0 and never terminated without a task."""
        nothing = Segment(np.zeros((1, self.observations.shape[1])), self.actions[:0])
        return transitions_of(self.segments() or [nothing], task)
