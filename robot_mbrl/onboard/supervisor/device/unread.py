"""Does whoever sends commands also look at what they do?"""

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.stop_reason import StopReason, Violation


class UnreadCheck:
    """Counts the ticks in which commands were sent since a sample was last read."""

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing sent yet."""
        self._safety, self._dt = spec.safety, spec.control.dt
        self.read()

    def read(self) -> None:
        """A sample was read."""
        self._ticks, self._counted_s = 0, float("-inf")

    def send(self, now_s: float) -> Violation | None:
        """A command is about to be sent; returns what is wrong."""
        if now_s - self._counted_s >= 0.5 * self._dt:
            self._ticks, self._counted_s = self._ticks + 1, now_s
        if self._ticks <= 1 + self._safety.coast_ticks + self._safety.hold_ticks:
            return None
        return StopReason.STALE, (
            f"commands of {self._ticks} ticks in a row, and no sample was read between them; call "
            "read() once a tick"
        )
