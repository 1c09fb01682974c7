"""The one seam between a controller and a machine: Robot and Clock.

Simulator, mock device and real robot implement the same four methods. Letters used everywhere:
J joints, A actuators, O observation columns, B batch, T time, H horizon, N candidate plans, E
members.

Drive, for every kind of command and every protocol:

- Off: no motor drives its joint. A servo, and a motor commanded by current or torque, gives no
  torque at all; a motor commanded by voltage is short-circuited, as at 0 V, which only brakes.
  Friction and rotor inertia stay. A command changes nothing.
- Enabled, no command yet: every motor holds the neutral command that was its own when it was
  enabled, see `neutral_command`: a position servo the pose it then had, inside or outside its
  limits; a velocity servo speed 0 with torque; other motors 0. So enabling moves nothing.
- Enabled, commanded: the newest command that came, after the machine's latency. Off is at once,
  and forgets what was on its way.

What a sample shows as applied is finite at any time: the command in force, and while the drive is
off the neutral command of that moment, so the pose for a position servo.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol, runtime_checkable

import numpy as np

from robot_mbrl.contract.arrays import FloatArray


class Fault(IntFlag):
    """What a device reports of itself, in one vocabulary; its driver translates its own bits.

    An enabled, healthy device reports 0.
    """

    WATCHDOG = 0x0001
    """it heard no command for too long and removed drive"""
    COMMAND_REJECTED = 0x0002
    """a command made no sense to it, e.g. NaN"""
    OVERTEMPERATURE = 0x0004
    UNDERVOLTAGE = 0x0008
    """also: a supply outside of its range"""
    ENCODER = 0x0010
    OVERLOAD = 0x0020
    """more current or torque than it stands, for too long"""
    HARDWARE = 0x0040
    """anything else that it stops for; its own words are in the log"""
    COMMAND_CLAMPED = 0x0100
    """it applied less than was asked for, as its echo says too"""
    NOT_ENABLED = 0x0200
    STOPPED = 0x0400


LATCHED_FAULTS = (
    Fault.WATCHDOG
    | Fault.COMMAND_REJECTED
    | Fault.OVERTEMPERATURE
    | Fault.UNDERVOLTAGE
    | Fault.ENCODER
    | Fault.OVERLOAD
    | Fault.HARDWARE
)
"""Faults that remove drive and stay until `clear_faults`; the other bits describe the present."""


def describe_faults(faults: int) -> str:
    """Names of fault bits for people, "healthy" for none."""
    names = [fault.name or "" for fault in Fault if fault & faults]
    return ", ".join(names).lower().replace("_", " ") or "healthy"


@dataclass(frozen=True)
class RobotState:
    """One sample of the machine. Arrays are fresh and read-only.

    Attributes:
        q_rad: joint positions, unwrapped, shape (J,); in m of joints that slide.
        applied: the command in force when the sample was taken, in physical units, shape (A,);
            while the drive is off, the neutral command.
        device_time_s: the device's own clock at the sample.
        host_time_s: the host's monotonic clock when the sample arrived.
        sequence: the device's sample counter.
        faults: bits of `Fault` (0: healthy).
        temperature_c: motor temperature, shape (A,); NaN where there is no sensor.
        fresh: False when the link had nothing new and the last good sample is repeated.
    """

    q_rad: FloatArray
    applied: FloatArray
    device_time_s: float
    host_time_s: float
    sequence: int
    faults: int
    temperature_c: FloatArray
    fresh: bool = True


@dataclass(frozen=True)
class Command:
    """What to do now, in the physical unit of each actuator, shape (A,)."""

    value: FloatArray


@runtime_checkable
class Robot(Protocol):
    """A machine. Nothing but `onboard.SafeRobot` may hold a Robot's `send`."""

    def read(self) -> RobotState:
        """Return the newest sample; never blocks past the link's deadline. Raises LinkError."""

    def send(self, command: Command) -> Command:
        """Apply a command and return what is really applied: while the drive is off, the neutral
        command. Raises NotFiniteError, LinkError."""

    def stop(self) -> None:
        """Switch the drive off. Safe in every state, never raises, tries every motor."""

    def close(self) -> None:
        """Stop, then release the machine. Safe to call twice."""


@runtime_checkable
class Enabled(Protocol):
    """Drivers whose device has an enable of its own, e.g. to start its watchdog."""

    def arm(self) -> None:
        """Enable drive, every motor at its neutral command; raises DeviceFault, LinkError."""

    def clear_faults(self) -> None:
        """Reset latched faults, drive off; raises LinkError."""


@runtime_checkable
class Confirming(Protocol):
    """Drivers of a device that may not be heard: what it has confirmed."""

    @property
    def confirmed_off(self) -> bool:
        """Whether the device has confirmed, since it was last to be enabled, that its drive is
        off."""

    @property
    def watchdog_s(self) -> float:
        """The watchdog period in force when the device was last enabled, as it says; 0 before that,
        and for a device without a watchdog."""


@runtime_checkable
class Clock(Protocol):
    """Time as the control loop sees it; in simulation waiting advances the physics."""

    def now(self) -> float:
        """Return monotonic seconds."""

    def wait_until(self, time_s: float) -> float:
        """Return when `now() >= time_s`, giving the lateness in seconds (>= 0)."""


Policy = Callable[[np.ndarray], np.ndarray]
"""Observations (B, O) -> actions (B, A) in [-1, 1], tick by tick of one episode of B worlds."""
