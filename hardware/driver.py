"""What every driver offers, and what those that speak over a byte stream have in common."""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from hardware.identity import Identity, check_identity
from hardware.link_statistics import LinkStatistics
from hardware.port import Port
from hardware.resend import Resend
from robot_mbrl.contract.arrays import FloatArray, check_finite, check_shape
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import DeviceFault, LinkError, LinkTimeout
from robot_mbrl.contract.interface import (
    LATCHED_FAULTS,
    Command,
    Confirming,
    Enabled,
    Fault,
    Robot,
    describe_faults,
)

ATTEMPTS = 5
"""How often a request is sent that does no harm twice."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


@runtime_checkable
class Driver(Robot, Enabled, Confirming, Protocol):
    """A robot behind a protocol: `connect`, `arm`, then `read` and `send` each tick.

    Fault bits of its device are translated: `RobotState.faults` are bits of the contract's `Fault`.
    """

    @property
    def identity(self) -> Identity | None:
        """Who answered `connect`; None before that."""

    @property
    def statistics(self) -> LinkStatistics:
        """What the link has done so far."""

    def connect(self) -> Identity:
        """Find the device, compare it with the description and leave its drive off.

        Raises LinkTimeout when nobody answers, ContractMismatchError for another robot.
        """


class PortDriver(ABC):
    """The part of a driver that no protocol over a byte stream needs to write again.

    A protocol adds `_identify`, `_enable`, `_watchdog_in_force_ms`, `_remove_drive`,
    `_discard_partial`, `clear_faults`, `read` and `send`.

    Attributes:
        spec: the robot.
        identity, statistics: see `Driver`.
        confirmed_off, watchdog_s: see `Confirming`.
    """

    def __init__(self, spec: RobotSpec, port: Port) -> None:
        """Take over `port`; nothing is sent."""
        self.spec = spec
        self.identity: Identity | None = None
        self.statistics = LinkStatistics()
        self.confirmed_off, self.watchdog_s = False, 0.0
        self._port = port
        self._closed = False
        self._timeout_s = spec.link.reply_timeout_ms * 1e-3
        self._resend = Resend(spec.control.dt, self._timeout_s, port.now)
        self._limits = np.array([a.limit for a in spec.actuators])
        self._rad_per_count = np.array([j.rad_per_count for j in spec.joints])
        self._offset_rad = np.array(spec.joint_offset_rad or (0.0,) * len(spec.joints))
        # a position servo turns to where its own encoder shows what is asked
        follows = [a.command == "position" for a in spec.actuators]
        self._shift = np.where(follows, self._offset_rad[list(spec.actuated)], 0.0)

    @abstractmethod
    def _identify(self) -> Identity:
        """Ask who is there; raises LinkTimeout where nobody answers."""

    @abstractmethod
    def _enable(self, watchdog_ms: int) -> Fault:
        """Ask for drive under a watchdog of so many ms; gives the device's faults after that.

        Raises LinkError.
        """

    @abstractmethod
    def _watchdog_in_force_ms(self) -> float | None:
        """The watchdog period that the device says it goes by, enabled; None of a device that has
        no watchdog. Raises LinkError."""

    @abstractmethod
    def _remove_drive(self) -> None:
        """Ask until it is confirmed that the drive is off, `ATTEMPTS` times; raises LinkError."""

    def connect(self) -> Identity:
        """See `Driver`."""
        identity = self._identify()
        check_identity(self.spec, identity)
        self.identity = identity
        self._switch_off()
        return identity

    def arm(self) -> None:
        """Enable drive under the watchdog of `[safety] watchdog_ms`, which the device confirms.

        Raises DeviceFault when the device is not healthy after that, or another period is in force:
        the drive is off then. Latched faults need `clear_faults` first, by decision of whoever
        calls.
        """
        self.confirmed_off, self.watchdog_s = False, 0.0
        period_ms = math.ceil(self.spec.safety.watchdog_ms)
        self._check_enabled(self._enable(period_ms))
        in_force_ms = self._watchdog_in_force_ms()
        if in_force_ms is None:
            return
        self.watchdog_s = in_force_ms * 1e-3
        if in_force_ms != period_ms:
            self.stop()
            raise DeviceFault(
                f"robot {self.spec.name!r}: its watchdog is at {in_force_ms:g} ms, not at the "
                f"{period_ms} ms that it was asked for; make [safety] watchdog_ms a period that "
                "the device takes, or correct its firmware"
            )

    def _switch_off(self) -> None:
        """Ask until it is confirmed; raises LinkError."""
        self._remove_drive()
        self.confirmed_off = True

    def stop(self) -> None:
        """Remove drive until it is acknowledged, at most `ATTEMPTS` reply times. Never raises."""
        if self._closed:
            return
        try:
            self._switch_off()
        except Exception as error:
            known = self._last_known()
            logger.error("robot %s: STOP not acknowledged (%s); %s", self.spec.name, error, known)

    def _last_known(self) -> str:
        """Where the drive is although nobody answers."""
        if self.confirmed_off:
            return "its drive was off and has not been enabled since"
        if self.watchdog_s > 0:
            return f"the device's watchdog stops it within {1e3 * self.watchdog_s:g} ms"
        return "the device has confirmed no watchdog either: switch the power off"

    def close(self) -> None:
        """Stop, then release the port; safe to call twice."""
        if self._closed:
            return
        self.stop()
        self._closed = True
        self._port.close()

    def _exchange(
        self, request: bytes, find: Callable[[bytes], T | None], timeout_s: float, reply: str
    ) -> T:
        """Send a request and return what `find` makes of the bytes that come; raises LinkError.

        `find` gets each chunk once; it returns None until the reply is whole. `reply` names it.
        """
        start = self._port.now()
        self._write(request)
        deadline = start + timeout_s
        while True:
            found = find(self._port.read(deadline))
            now = self._port.now()
            if found is not None:
                self.statistics.add_round_trip(now - start)
                return found
            if now >= deadline:
                self.statistics.lost += 1
                self._discard_partial()
                raise LinkTimeout(
                    f"robot {self.spec.name!r}: no {reply} within {timeout_s * 1e3:g} ms"
                )

    @abstractmethod
    def _discard_partial(self) -> None:
        """Forget what came of a reply that was not whole in time, lest it swallow the next one."""

    def _write(self, data: bytes) -> None:
        if self._closed:
            raise LinkError(f"robot {self.spec.name!r} is closed; open it again")
        self.statistics.sent += 1
        self._port.write(data)

    def _clamped(self, command: Command) -> FloatArray:
        """What may be sent of a command, (A,) as the device understands it.

        Raises NotFiniteError, ShapeError.
        """
        value = np.asarray(command.value, dtype=np.float64)
        check_shape("command", value, (len(self.spec.actuators),))
        check_finite("command", value, [a.name for a in self.spec.actuators])
        return np.clip(value - self._shift, -self._limits, self._limits)

    def _commands(self, applied: tuple[float, ...]) -> FloatArray:
        """The contract's commands (A,), read-only, from those that the device says it applies."""
        return frozen(np.array(applied) + self._shift)

    def _angles(self, counts: tuple[int, ...]) -> FloatArray:
        """Joint positions (J,) in rad, in m of sliders, read-only, from encoder counts (J,)."""
        return frozen(np.array(counts) * self._rad_per_count + self._offset_rad)

    def _check_enabled(self, faults: Fault) -> None:
        """Raise DeviceFault unless the device is healthy and enabled."""
        if faults & (LATCHED_FAULTS | Fault.NOT_ENABLED):
            raise DeviceFault(
                f"robot {self.spec.name!r} refuses to enable: {describe_faults(faults)}. "
                "Find the cause, then clear_faults() and arm() again"
            )


def insist(ask: Callable[[], T]) -> T:
    """Ask again while replies get lost; only for requests that may arrive twice."""
    for _ in range(ATTEMPTS - 1):
        try:
            return ask()
        except LinkTimeout:
            continue
    return ask()


def frozen(array: FloatArray) -> FloatArray:
    """A read-only copy in double precision."""
    array = array.astype(np.float64)
    array.setflags(write=False)
    return array
