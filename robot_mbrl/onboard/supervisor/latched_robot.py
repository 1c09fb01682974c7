"""How a robot is stopped and stays stopped: drive off first, one named reason, a reset to leave."""

import logging
from enum import Enum
from types import TracebackType
from typing import NoReturn, Self

import numpy as np

from robot_mbrl.contract import ActionCodec, Clock, Command, Robot, RobotSpec
from robot_mbrl.contract.errors import RobotMbrlError, SafetyError
from robot_mbrl.contract.interface import Enabled, describe_faults
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.onboard.supervisor.command.position_commands import PositionCommands
from robot_mbrl.onboard.supervisor.drive_report import DriveReport
from robot_mbrl.onboard.supervisor.latched_faults import latched_faults

logger = logging.getLogger(__name__)


class SafetyState(Enum):
    """Where a SafeRobot is."""

    DISARMED = "disarmed"
    ARMED = "armed"
    RAMPING = "ramping"
    RUNNING = "running"
    HOLDING = "holding"
    STOPPED = "stopped"


MOVING = (SafetyState.ARMED, SafetyState.RAMPING, SafetyState.RUNNING, SafetyState.HOLDING)


class LatchedRobot:
    """A robot whose drive can always be removed; a stop keeps its first reason until `reset`.

    Leaving the context stops and closes the robot on every path.

    Attributes:
        state: see `safe_robot`.
        reason, message: why it stopped; None and "" before that.
        error: what was raised for it, if it was raised.
    """

    def __init__(self, robot: Robot, spec: RobotSpec, clock: Clock) -> None:
        """Take over `robot`; nothing is sent."""
        self.spec = spec
        self.clock = clock
        self.codec = ActionCodec.from_spec(spec)
        self.state = SafetyState.DISARMED
        self.reason: StopReason | None = None
        self.message = ""
        self.error: RobotMbrlError | None = None
        self._robot = robot
        self._applied = np.zeros(len(spec.actuators))
        self._positions = PositionCommands(spec)

    def disarm(self) -> None:
        """Remove drive at a normal end; not latched, a stopped robot stays stopped."""
        self._drive_off()
        if self.state is not SafetyState.STOPPED:
            self.state = SafetyState.DISARMED

    def stop(self, reason: StopReason, message: str = "") -> None:
        """A latched stop: drive off until `reset`. The first reason stays; every motor is tried."""
        if self.state is not SafetyState.STOPPED:
            self.state, self.reason, self.message = SafetyState.STOPPED, reason, message
        self._drive_off()

    @property
    def drive(self) -> DriveReport:
        """What is known of the drive after `stop` or `disarm`."""
        return DriveReport.of_robot(self._robot)

    def reset(self) -> None:
        """Leave STOPPED by decision of an operator; the robot is disarmed after that.

        Clears latched faults of the device, and logs which; raises LinkError, still stopped, if it
        is silent.
        """
        self._drive_off()
        if isinstance(self._robot, Enabled):
            faults = latched_faults(self._robot, self.spec)
            self._robot.clear_faults()
            if faults:
                logger.warning("robot %s: cleared %s", self.spec.name, describe_faults(faults))
        self.state, self.reason, self.message = SafetyState.DISARMED, None, ""
        self.error = None
        self._applied = np.zeros(len(self.spec.actuators))

    def close(self) -> None:
        """Stop and release the robot; safe to call twice."""
        try:
            self.disarm()
        finally:
            self._robot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                self.stop(reason_of(error), f"{type(error).__name__}: {error}")
        finally:
            self.close()

    def trip(self, reason: StopReason, message: str) -> NoReturn:
        """Stop for a reason that somebody else found, and raise its error."""
        self._trip(reason, message)

    def _require_armed(self, verb: str) -> None:
        if self.state not in MOVING:
            hint = f" ({self._explanation()}); find the cause, then reset() and arm()"
            raise SafetyError(
                f"{verb}: robot {self.spec.name!r} is {self.state.value}"
                + (hint if self.reason else "; call arm() first")
            )

    def _trip(self, reason: StopReason, message: str, cause: Exception | None = None) -> NoReturn:
        self.stop(reason, message)
        self.error = reason.error(self._explanation())
        self.error.safety_stop = True
        raise self.error from cause

    def _explanation(self) -> str:
        if self.reason is None:
            return ""
        return f"stopped, {self.reason.value}: {self.message}. {self.reason.sentence}"

    def _drive_off(self) -> None:
        """Every way to remove drive is tried before an error may leave."""
        try:
            self._robot.stop()
        except BaseException:
            neutral = self._positions.neutral()
            if neutral is not None:
                self._robot.send(Command(self.codec.to_physical(neutral)))
            raise


def reason_of(error: BaseException) -> StopReason:
    """Ctrl-C and SystemExit are an operator's wish, anything else is a failure of the program."""
    wish = isinstance(error, (KeyboardInterrupt, SystemExit))
    return StopReason.OPERATOR if wish else StopReason.EXCEPTION
