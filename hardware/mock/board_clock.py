"""What a mock device's own clock shows: the true time, unless its plan says otherwise."""

from hardware.mock.fault_plan import FaultPlan


class BoardClock:
    """A microsecond counter that may run fast or slow, jump, stand still or start anew."""

    def __init__(self, plan: FaultPlan) -> None:
        """A clock that shows 0 at power-up."""
        self._plan = plan
        self._true_s = self._shown_s = 0.0

    def restart(self, time_s: float) -> None:
        """Powered up again at the true `time_s`."""
        self._true_s, self._shown_s = time_s, 0.0

    def show(self, time_s: float) -> int:
        """Microseconds at the true `time_s`, which never goes back."""
        self._shown_s += self._plan.clock_rate * (time_s - self._true_s) + self._plan.clock_jump_s
        self._true_s, self._plan.clock_jump_s = time_s, 0.0
        return round(self._shown_s * 1e6) % 2**self._plan.clock_bits
