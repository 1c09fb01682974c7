"""`SerialRobot`: a robot behind protocol `mcu`, on any `Port`."""

import logging
import math
from collections.abc import Callable

import numpy as np

from hardware.identity import check_identity
from hardware.link_statistics import LinkStatistics
from hardware.mcu import messages
from hardware.mcu.frames import (
    DELIMITER,
    LATCHED,
    Fault,
    Frame,
    FrameReader,
    MessageType,
    describe_faults,
    encode_frame,
)
from hardware.mcu.messages import Identity, State
from hardware.port import Port
from robot_mbrl.contract.arrays import FloatArray, check_finite, check_shape
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import (
    DeviceFault,
    FrameError,
    LinkError,
    LinkTimeout,
)
from robot_mbrl.contract.interface import Command, RobotState

CONNECT_S = 2.0  # boards that reset when the port opens need a second
CONNECT_REPLY_S = 0.05
ATTEMPTS = 5  # of requests that do no harm twice

Request = Callable[[int], Frame]
"""Builds the frame of a request from its sequence number."""

logger = logging.getLogger(__name__)


class SerialRobot:
    """A machine behind a serial port: `connect`, `arm`, then `read` and `send` each tick.

    Every request waits at most `spec.link.reply_timeout_ms` for its reply; replies to earlier
    requests are discarded and counted in `statistics`.
    """

    def __init__(self, spec: RobotSpec, port: Port) -> None:
        self.spec = spec
        self.statistics = LinkStatistics()
        self.identity: Identity | None = None
        self._port = port
        self._closed = False
        self._sequence = 0
        self._reader = FrameReader()
        self._timeout_s = spec.link.reply_timeout_ms * 1e-3
        self._limits = np.array([a.limit for a in spec.actuators])
        self._rad_per_count = np.array([j.rad_per_count for j in spec.joints])
        self._offset_rad = np.array(spec.joint_offset_rad or (0.0,) * len(spec.joints))

    def connect(self) -> Identity:
        """Ask for the identity, compare it with the description and leave the drive off.

        Raises LinkTimeout when nobody answers within 2 s, ContractMismatchError for another robot.
        """
        self._port.write(DELIMITER)  # ends whatever half frame the device still holds
        deadline = self._port.now() + CONNECT_S
        while True:
            try:
                frame = self._request(messages.hello, MessageType.IDENTITY, CONNECT_REPLY_S)
                break
            except LinkTimeout as error:
                if self._port.now() >= deadline:
                    raise LinkTimeout(self._silence()) from error
        identity = Identity.unpack(frame)
        check_identity(self.spec, identity)
        self.identity = identity
        self._insist(messages.stop)
        return identity

    def arm(self) -> None:
        """Enable drive under the watchdog of `[safety] watchdog_ms`.

        Raises DeviceFault when the device is not healthy after that; latched faults need
        `clear_faults` first, by decision of whoever calls.
        """
        period = math.ceil(self.spec.safety.watchdog_ms)
        state = self._insist(lambda sequence: messages.enable(sequence, period))
        if state.faults & (LATCHED | Fault.NOT_ENABLED):
            raise DeviceFault(
                f"robot {self.spec.name!r} refuses to enable: {describe_faults(state.faults)}. "
                "Find the cause, then clear_faults() and arm() again"
            )

    def clear_faults(self) -> None:
        """Reset latched faults and leave the drive off; raises LinkError."""
        self._insist(messages.clear)

    def read(self) -> RobotState:
        """Ask for a fresh sample; raises LinkTimeout after `[link] reply_timeout_ms`, LinkError."""
        state = self._ask(messages.read)
        return RobotState(
            q_rad=_frozen(np.array(state.counts) * self._rad_per_count + self._offset_rad),
            applied=_frozen(np.array(state.applied)),
            device_time_s=state.device_us * 1e-6,
            host_time_s=self._port.now(),
            sequence=state.sample,
            faults=state.faults,
            temperature_c=_frozen(np.array(state.temperature_c)),
        )

    def send(self, command: Command) -> Command:
        """Clamp to the limits, drive, and return the device's echo of what it applied.

        The echo is 0 when the device is not enabled or has a fault; `read` tells which. When the
        reply is lost (LinkTimeout), the command may or may not be in force.
        Raises NotFiniteError, ShapeError, LinkError.
        """
        value = np.asarray(command.value, dtype=np.float64)
        check_shape("command", value, (len(self.spec.actuators),))
        check_finite("command", value, [a.name for a in self.spec.actuators])
        clamped = tuple(float(v) for v in np.clip(value, -self._limits, self._limits))
        state = self._ask(lambda sequence: messages.command(sequence, clamped))
        return Command(_frozen(np.array(state.applied)))

    def stop(self) -> None:
        """Remove drive: STOP until acknowledged, at most 5 reply times. Never raises."""
        if self._closed:
            return
        try:
            self._insist(messages.stop)
        except Exception as error:
            logger.error(
                "robot %s: STOP not acknowledged (%s); the device's watchdog stops it within %g ms",
                self.spec.name,
                error,
                self.spec.safety.watchdog_ms,
            )

    def close(self) -> None:
        """Stop, then release the port; safe to call twice."""
        if self._closed:
            return
        self.stop()
        self._closed = True
        self._port.close()

    def _insist(self, build: Request) -> State:
        """Ask again while replies get lost; only for requests that may arrive twice."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._ask(build)
            except LinkTimeout:
                continue
        return self._ask(build)

    def _ask(self, build: Request) -> State:
        state = State.unpack(self._request(build, MessageType.STATE, self._timeout_s))
        expected = (len(self.spec.joints), len(self.spec.actuators))
        if (len(state.counts), len(state.applied)) != expected:
            raise FrameError(
                f"STATE with {len(state.counts)} joints and {len(state.applied)} actuators, "
                f"expected {expected[0]} and {expected[1]}"
            )
        if not np.isfinite(state.applied).all():
            raise FrameError(f"STATE: applied command is {state.applied}, expected finite numbers")
        return state

    def _request(self, build: Request, reply: MessageType, timeout_s: float) -> Frame:
        """Send one request and return its reply; raises LinkTimeout, LinkError."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        start = self._port.now()
        self._write(encode_frame(build(self._sequence)))
        deadline = start + timeout_s
        while True:
            found = self._sort(self._port.read(deadline), reply)
            now = self._port.now()
            if found is not None:
                self.statistics.add_round_trip(now - start)
                return found
            if now >= deadline:
                self.statistics.lost += 1
                raise LinkTimeout(
                    f"robot {self.spec.name!r}: no {reply.name} within {timeout_s * 1e3:g} ms"
                )

    def _sort(self, data: bytes, reply: MessageType) -> Frame | None:
        """Pick the reply to the newest request; everything else came too late."""
        found = None
        for frame in self._reader.feed(data):
            if frame.sequence == self._sequence and frame.type == reply:
                found = frame
            else:
                self.statistics.late += 1
        self.statistics.frame_errors = self._reader.errors
        return found

    def _write(self, data: bytes) -> None:
        if self._closed:
            raise LinkError(f"robot {self.spec.name!r} is closed; open it again")
        self.statistics.sent += 1
        self._port.write(data)

    def _silence(self) -> str:
        heard = self._reader.errors
        hint = (
            f"{heard} frames were not understood: check the baudrate ({self.spec.link.baudrate}) "
            "and the protocol version of the firmware"
            if heard
            else "nothing came at all: is this the right port, and has the robot power?"
        )
        return f"robot {self.spec.name!r}: no answer to HELLO within {CONNECT_S:g} s; {hint}"


def _frozen(array: FloatArray) -> FloatArray:
    array = array.astype(np.float64)
    array.setflags(write=False)
    return array
