"""What a run of the loop says about itself: why it ended and how punctual it was."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from robot_mbrl.contract.stop_reason import StopReason


@dataclass(frozen=True)
class Histogram:
    """Quantiles of a time in ms over all ticks; zeros without a tick."""

    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Histogram":
        """From times in s."""
        if not seconds:
            return cls()
        ms = 1e3 * np.asarray(seconds)
        return cls(*(float(np.quantile(ms, q)) for q in (0.5, 0.99, 0.999, 1.0)))


@dataclass
class LoopTimes:
    """Times of each tick in s, as they come in."""

    lateness_s: list[float] = field(default_factory=list)
    plan_s: list[float] = field(default_factory=list)
    round_trip_s: list[float] = field(default_factory=list)
    skipped_periods: int = 0

    def __len__(self) -> int:
        return len(self.plan_s)

    def add(self, lateness_s: float, plan_s: float, round_trip_s: float) -> None:
        """Keep those of a tick that is done."""
        self.lateness_s.append(lateness_s)
        self.plan_s.append(plan_s)
        self.round_trip_s.append(round_trip_s)


@dataclass(frozen=True)
class LoopReport:
    """The end of an episode.

    Attributes:
        ticks: that were completed, command sent and recorded.
        stop_reason, message: why it ended; FINISHED after all ticks.
        lateness_ms: start of a tick after its grid time.
        plan_ms: time in the controller.
        round_trip_ms: time in reading and sending.
        skipped_periods: that were left out, as a tick lasted into them or a wait came back too
            late.
        counts: what the supervisor clamped, bridged and missed.
        monitor: largest share of its limit that each statistic reached.
    """

    ticks: int
    stop_reason: StopReason
    message: str
    lateness_ms: Histogram
    plan_ms: Histogram
    round_trip_ms: Histogram
    skipped_periods: int
    counts: dict[str, int]
    monitor: dict[str, float] = field(default_factory=dict)

    @property
    def missed_deadlines(self) -> int:
        """Periods whose tick started later than `deadline_ms`, or was left out."""
        return self.counts["missed"]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "stop_reason": self.stop_reason.value}
