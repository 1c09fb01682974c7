"""What is known of a robot's drive after a stop: a stop that was sent is not yet a drive that is
off."""

from dataclasses import dataclass
from typing import Any

from robot_mbrl.contract import Robot
from robot_mbrl.contract.interface import Confirming


@dataclass(frozen=True)
class DriveReport:
    """What the machine itself has confirmed.

    Attributes:
        confirmed_off: that its drive is off.
        watchdog_s: the period after which it switches off by itself; 0 where none is confirmed.
    """

    confirmed_off: bool
    watchdog_s: float = 0.0

    @classmethod
    def of_robot(cls, robot: Robot) -> "DriveReport":
        """What a stopped robot has confirmed; one in this process has nothing to confirm."""
        if not isinstance(robot, Confirming):
            return cls(confirmed_off=True)
        return cls(robot.confirmed_off, robot.watchdog_s)

    @property
    def sentence(self) -> str:
        """What is known, for an operator."""
        if self.confirmed_off:
            return "Drive is off."
        if self.watchdog_s > 0:
            return (
                "The robot has NOT confirmed that its drive is off. Its own watchdog, at "
                f"{1e3 * self.watchdog_s:g} ms as it said when it was enabled, does that without "
                "commands; switch the power off before you come near."
            )
        return (
            "The robot has NOT confirmed that its drive is off, nor any watchdog: "
            "switch the power off."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"drive_off_confirmed": self.confirmed_off, "watchdog_ms": 1e3 * self.watchdog_s}
