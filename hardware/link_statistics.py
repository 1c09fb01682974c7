"""What a link has done so far."""

from dataclasses import dataclass


@dataclass
class LinkStatistics:
    """Counters of one connection.

    Attributes:
        sent: requests written.
        replies: replies that came in time.
        lost: requests without a reply before the deadline.
        late: frames that answered an earlier request, or none.
        frame_errors: frames that were broken (COBS, CRC, version, length).
        round_trip_last_s, round_trip_worst_s, round_trip_sum_s: time from request to reply.
    """

    sent: int = 0
    replies: int = 0
    lost: int = 0
    late: int = 0
    frame_errors: int = 0
    round_trip_last_s: float = 0.0
    round_trip_worst_s: float = 0.0
    round_trip_sum_s: float = 0.0

    def add_round_trip(self, seconds: float) -> None:
        """Count a reply that took `seconds`."""
        self.replies += 1
        self.round_trip_last_s = seconds
        self.round_trip_worst_s = max(self.round_trip_worst_s, seconds)
        self.round_trip_sum_s += seconds

    @property
    def round_trip_mean_s(self) -> float:
        """Mean time from request to reply; 0 before the first."""
        return self.round_trip_sum_s / self.replies if self.replies else 0.0
