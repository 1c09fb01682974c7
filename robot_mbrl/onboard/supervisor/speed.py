"""How fast joints moved, judged between samples whose time is beyond doubt."""

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.stop_reason import Violation
from robot_mbrl.onboard.supervisor.limits import check_velocity


class SpeedCheck:
    """The velocity limits of all joints from sample to sample.

    Where the device's clock and the host's differ, nobody knows whether the clock jumped or the
    sample was older than it should be. Such a sample is not judged by itself: the next one is,
    over the time since the last sample in which both agreed, so that neither is a false stop.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing seen yet."""
        self._spec = spec
        self._judged: RobotState | None = None
        self._waiting = False

    def update(self, state: RobotState, believed: bool) -> Violation | None:
        """Take the next fresh sample; returns what is wrong.

        Args:
            state: with `device_time_s` as DeviceClock gives it.
            believed: whether that is the device's own word; of two in a row that are not, the
                second is judged.
        """
        before = self._judged
        self._waiting = not believed and not self._waiting
        if self._waiting and before is not None:
            return None
        self._judged = state
        return check_velocity(self._spec, before, state) if before else None
