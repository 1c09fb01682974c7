"""`McuDriver`: a robot behind protocol `mcu`, on any `Port`."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hardware.counters import Unwrapped
from hardware.driver import PortDriver, frozen, insist
from hardware.identity import Identity
from hardware.mcu import messages
from hardware.mcu.frames import (
    DELIMITER,
    Frame,
    FrameReader,
    MessageType,
    encode_frame,
    meaning_of,
)
from hardware.mcu.messages import IdentityMessage, StateMessage
from hardware.port import Port
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import FrameError, LinkTimeout
from robot_mbrl.contract.interface import Command, Fault, RobotState

CONNECT_S = 2.0  # boards that reset when the port opens need a second
CONNECT_REPLY_S = 0.05

Request = Callable[[int], Frame]
"""Builds the frame of a request from its sequence number."""


class McuDriver(PortDriver):
    """A `Driver` by requests and replies with sequence numbers.

    Every request waits at most `spec.link.reply_timeout_ms` for its reply; replies to earlier
    requests are discarded and counted in `statistics`.
    """

    def __init__(self, spec: RobotSpec, port: Port) -> None:
        super().__init__(spec, port)
        self._sequence = 0
        self._reader = FrameReader()
        self._counts, self._samples = Unwrapped(), Unwrapped()

    def clear_faults(self) -> None:
        """Reset latched faults and leave the drive off; raises LinkError."""
        insist(lambda: self._ask(messages.clear))

    def read(self) -> RobotState:
        """Ask for a fresh sample; raises LinkTimeout after `[link] reply_timeout_ms`, LinkError.

        Asks once more where the control period has time for it, see Resend.
        """
        state = self._resend.read(lambda: self._ask(messages.read))
        return RobotState(
            q_rad=self._angles(state.counts),
            applied=self._commands(state.applied),
            device_time_s=state.device_us * 1e-6,
            host_time_s=self._port.now(),
            sequence=state.sample,
            faults=meaning_of(state.faults),
            temperature_c=frozen(np.array(state.temperature_c)),
        )

    def send(self, command: Command) -> Command:
        """Clamp to the limits, drive, and return the device's echo of what it applied.

        Sent once more where no reply came and the control period has time for it, see Resend.

        The echo is the neutral command when the drive is off; `read` says why. When the
        reply is lost (LinkTimeout), the command may or may not be in force.
        Raises NotFiniteError, ShapeError, LinkError.
        """
        values = tuple(float(v) for v in self._clamped(command))
        state = self._resend.send(
            lambda: self._ask(lambda sequence: messages.command(sequence, values))
        )
        return Command(self._commands(state.applied))

    def _identify(self) -> Identity:
        self._counts.restart()
        self._samples.restart()
        self._port.write(DELIMITER)  # ends whatever half frame the device still holds
        deadline = self._port.now() + CONNECT_S
        while True:
            try:
                frame = self._request(messages.hello, MessageType.IDENTITY, CONNECT_REPLY_S)
                return IdentityMessage.unpack(frame).identity
            except LinkTimeout as error:
                if self._port.now() >= deadline:
                    raise LinkTimeout(self._silence()) from error

    def _enable(self, watchdog_ms: int) -> Fault:
        ask = insist(lambda: self._ask(lambda sequence: messages.enable(sequence, watchdog_ms)))
        return meaning_of(ask.faults)

    def _watchdog_in_force_ms(self) -> float:
        return insist(self._ask_who).watchdog_ms

    def _ask_who(self) -> IdentityMessage:
        frame = self._request(messages.hello, MessageType.IDENTITY, self._timeout_s)
        return IdentityMessage.unpack(frame)

    def _remove_drive(self) -> None:
        insist(lambda: self._ask(messages.stop))

    def _discard_partial(self) -> None:
        self._reader.restart()
        self.statistics.frame_errors = self._reader.errors

    def _ask(self, build: Request) -> StateMessage:
        state = StateMessage.unpack(self._request(build, MessageType.STATE, self._timeout_s))
        expected = (len(self.spec.joints), len(self.spec.actuators))
        if (len(state.counts), len(state.applied)) != expected:
            raise FrameError(
                f"STATE with {len(state.counts)} joints and {len(state.applied)} actuators, "
                f"expected {expected[0]} and {expected[1]}"
            )
        if not np.isfinite(state.applied).all():
            raise FrameError(f"STATE: applied command is {state.applied}, expected finite numbers")
        [sample] = self._samples.take([state.sample])
        return replace(state, counts=self._counts.take(state.counts), sample=sample)

    def _request(self, build: Request, reply: MessageType, timeout_s: float) -> Frame:
        """Send one request and return its reply; raises LinkTimeout, LinkError."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        request = encode_frame(build(self._sequence))
        return self._exchange(request, lambda data: self._sort(data, reply), timeout_s, reply.name)

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

    def _silence(self) -> str:
        heard = self._reader.errors
        hint = (
            f"{heard} frames were not understood: check the baudrate ({self.spec.link.baudrate}) "
            "and the protocol version of the firmware"
            if heard
            else "nothing came at all: is this the right port, and has the robot power?"
        )
        return f"robot {self.spec.name!r}: no answer to HELLO within {CONNECT_S:g} s; {hint}"
