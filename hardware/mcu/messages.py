"""Payloads of protocol `mcu`: what stands inside its frames."""

import struct
from dataclasses import dataclass

from hardware.identity import Identity
from hardware.mcu.frames import Frame, MessageType
from robot_mbrl.contract.errors import FrameError

UNIT_CODES = {"V": 1, "A": 2, "Nm": 3, "rad_s": 4, "rad": 5, "N": 6, "m_s": 7, "m": 8}
MAX_TEXT_BYTES = 63
_UNITS = {code: unit for unit, code in UNIT_CODES.items()}


class _Reader:
    """Takes fields off a payload; every shortage is a FrameError."""

    def __init__(self, frame: Frame, expected: MessageType) -> None:
        if frame.type != expected:
            raise FrameError(f"expected {expected.name}, got message type 0x{frame.type:02X}")
        self._name = expected.name
        self._data = frame.payload

    def take(self, layout: str) -> tuple[int | float, ...]:
        size = struct.calcsize("<" + layout)
        if size > len(self._data):
            raise FrameError(
                f"{self._name}: payload is too short by {size - len(self._data)} bytes"
            )
        head, self._data = self._data[:size], self._data[size:]
        return struct.unpack("<" + layout, head)

    def integer(self, layout: str) -> int:
        return int(self.take(layout)[0])

    def text(self) -> str:
        size = self.integer("B")
        raw = bytes(self.integers(f"{size}B"))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FrameError(f"{self._name}: text is not UTF-8") from error

    def integers(self, layout: str) -> tuple[int, ...]:
        return tuple(int(v) for v in self.take(layout))

    def floats(self, count: int) -> tuple[float, ...]:
        return tuple(float(v) for v in self.take(f"{count}f"))

    def finish(self) -> None:
        if self._data:
            raise FrameError(f"{self._name}: {len(self._data)} bytes too many")


def _text(value: str) -> bytes:
    raw = value.encode("utf-8")
    if len(raw) > MAX_TEXT_BYTES:
        raise FrameError(f"text {value!r} is longer than {MAX_TEXT_BYTES} bytes")
    return bytes([len(raw)]) + raw


def hello(sequence: int) -> Frame:
    """Ask who is there."""
    return Frame(MessageType.HELLO, sequence)


def read(sequence: int) -> Frame:
    """Ask for a sample; does not feed the watchdog."""
    return Frame(MessageType.READ, sequence)


def stop(sequence: int) -> Frame:
    """Remove drive and disable."""
    return Frame(MessageType.STOP, sequence)


def clear(sequence: int) -> Frame:
    """Reset latched faults; stays disabled."""
    return Frame(MessageType.CLEAR, sequence)


def enable(sequence: int, watchdog_ms: int) -> Frame:
    """Enable drive under a watchdog of `watchdog_ms` (1 to 65535)."""
    return Frame(MessageType.ENABLE, sequence, struct.pack("<H", watchdog_ms))


def unpack_enable(frame: Frame) -> int:
    """Watchdog period in ms; raises FrameError."""
    reader = _Reader(frame, MessageType.ENABLE)
    period = reader.integer("H")
    reader.finish()
    return period


def command(sequence: int, values: tuple[float, ...]) -> Frame:
    """Drive the actuators, physical units, float32."""
    return Frame(MessageType.COMMAND, sequence, struct.pack(f"<{len(values)}f", *values))


def unpack_command(frame: Frame) -> tuple[float, ...]:
    """Values of a COMMAND, however many there are; raises FrameError."""
    reader = _Reader(frame, MessageType.COMMAND)
    values = reader.floats(len(frame.payload) // 4)
    reader.finish()
    return values


@dataclass(frozen=True)
class IdentityMessage:
    """Reply to HELLO: everything a host must know before it may enable this device.

    Attributes:
        identity: of the device; its name, firmware and serial have at most 63 bytes.
        watchdog_ms: period in force, 0 while disabled.
    """

    identity: Identity
    watchdog_ms: int

    def pack(self, sequence: int) -> Frame:
        """The IDENTITY frame."""
        who = self.identity
        joints, actuators = len(who.counts_per_rev), len(who.units)
        payload = _text(who.robot or "") + _text(who.firmware) + _text(who.serial)
        payload += struct.pack("<HBB", self.watchdog_ms, joints, actuators)
        payload += struct.pack(f"<{joints}i", *who.counts_per_rev)
        payload += bytes(UNIT_CODES[unit] for unit in who.units)
        payload += struct.pack(f"<{actuators}f", *who.limits)
        return Frame(MessageType.IDENTITY, sequence, payload)

    @staticmethod
    def unpack(frame: Frame) -> "IdentityMessage":
        """Read an IDENTITY frame; raises FrameError."""
        reader = _Reader(frame, MessageType.IDENTITY)
        robot, firmware, serial = reader.text(), reader.text(), reader.text()
        watchdog_ms, joints, actuators = reader.integers("HBB")
        counts = reader.integers(f"{joints}i")
        codes = reader.integers(f"{actuators}B")
        limits = reader.floats(actuators)
        reader.finish()
        unknown = [code for code in codes if code not in _UNITS]
        if unknown:
            raise FrameError(f"IDENTITY: unit code {unknown[0]}; known: {_UNITS}")
        units = tuple(_UNITS[code] for code in codes)
        identity = Identity(robot, firmware, serial, counts, units, limits)
        return IdentityMessage(identity, watchdog_ms)


@dataclass(frozen=True)
class StateMessage:
    """Reply to READ, COMMAND, ENABLE, STOP and CLEAR.

    Attributes:
        device_us: the device's clock, microseconds since power-up.
        sample: counts encoder samples, after 2^32 - 1 from 0; unchanged when the sampler stands
            still.
        faults: `McuFault` bits.
        counts: encoder counts beyond a revolution too, after 2^31 - 1 from -2^31, shape (J,).
        applied: command in force after this request, float32, shape (A,).
        temperature_c: per actuator, NaN without a sensor, shape (A,).
    """

    device_us: int
    sample: int
    faults: int
    counts: tuple[int, ...]
    applied: tuple[float, ...]
    temperature_c: tuple[float, ...]

    def pack(self, sequence: int) -> Frame:
        """The STATE frame."""
        joints, actuators = len(self.counts), len(self.applied)
        payload = struct.pack("<QIHBB", self.device_us, self.sample, self.faults, joints, actuators)
        payload += struct.pack(f"<{joints}i", *self.counts)
        payload += struct.pack(f"<{2 * actuators}f", *self.applied, *self.temperature_c)
        return Frame(MessageType.STATE, sequence, payload)

    @staticmethod
    def unpack(frame: Frame) -> "StateMessage":
        """Read a STATE frame; raises FrameError."""
        reader = _Reader(frame, MessageType.STATE)
        device_us, sample, faults, joints, actuators = reader.integers("QIHBB")
        counts = reader.integers(f"{joints}i")
        applied, temperature = reader.floats(actuators), reader.floats(actuators)
        reader.finish()
        return StateMessage(device_us, sample, faults, counts, applied, temperature)
