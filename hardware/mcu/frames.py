"""Frames of protocol `mcu`, bytes only, no I/O. The byte table is `protocol.md`.

A frame is COBS(head, payload, CRC-16) followed by one 0x00; COBS removes every 0x00 inside, so a
receiver that lost its place waits for the next 0x00 (Cheshire and Baker 1999). Everything is little
endian.
"""

import binascii
import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from cobs import cobs

from robot_mbrl.contract.errors import FrameError
from robot_mbrl.contract.interface import Fault

PROTOCOL_VERSION = 1
DELIMITER = b"\x00"
MAX_FRAME_BYTES = 512  # encoded, delimiter included; longer runs without a delimiter are noise
_HEAD = struct.Struct("<BBH")
_CRC = struct.Struct("<H")


class MessageType(IntEnum):
    """Requests of the host are below 0x80, replies of the device above."""

    HELLO = 0x01
    READ = 0x02
    COMMAND = 0x03
    ENABLE = 0x04
    STOP = 0x05
    CLEAR = 0x06
    IDENTITY = 0x81
    STATE = 0x82


class McuFault(IntFlag):
    """Bits of `STATE.faults`; an enabled, healthy device reports 0."""

    WATCHDOG = 0x0001
    COMMAND_REJECTED = 0x0002
    OVERTEMPERATURE = 0x0004
    UNDERVOLTAGE = 0x0008
    ENCODER = 0x0010
    COMMAND_CLAMPED = 0x0100
    NOT_ENABLED = 0x0200
    STOPPED = 0x0400


MEANING = {
    McuFault.WATCHDOG: Fault.WATCHDOG,
    McuFault.COMMAND_REJECTED: Fault.COMMAND_REJECTED,
    McuFault.OVERTEMPERATURE: Fault.OVERTEMPERATURE,
    McuFault.UNDERVOLTAGE: Fault.UNDERVOLTAGE,
    McuFault.ENCODER: Fault.ENCODER,
    McuFault.COMMAND_CLAMPED: Fault.COMMAND_CLAMPED,
    McuFault.NOT_ENABLED: Fault.NOT_ENABLED,
    McuFault.STOPPED: Fault.STOPPED,
}
"""What each bit is called in the contract."""


def meaning_of(bits: int) -> Fault:
    """Fault bits of this protocol in the contract's; one that is not known is HARDWARE."""
    known = sum(fault for bit, fault in MEANING.items() if bits & bit)
    unknown = bits & ~sum(MEANING)
    return Fault(known) | (Fault.HARDWARE if unknown else Fault(0))


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE (polynomial 0x1021, initial 0xFFFF); 0x29B1 for b"123456789"."""
    return binascii.crc_hqx(data, 0xFFFF)


@dataclass(frozen=True)
class Frame:
    """A frame whose checksum was right; the payload is not interpreted."""

    type: int
    sequence: int
    payload: bytes = b""


def encode_frame(frame: Frame) -> bytes:
    """Bytes on the wire, delimiter included; raises FrameError when longer than allowed."""
    body = _HEAD.pack(PROTOCOL_VERSION, frame.type, frame.sequence) + frame.payload
    wire = cobs.encode(body + _CRC.pack(crc16(body))) + DELIMITER
    if len(wire) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(wire)} bytes; at most {MAX_FRAME_BYTES} are allowed")
    return wire


def decode_frame(wire: bytes) -> Frame:
    """Inverse of `encode_frame`, with or without the delimiter; raises FrameError."""
    try:
        body = cobs.decode(wire.removesuffix(DELIMITER))
    except cobs.DecodeError as error:
        raise FrameError(f"not a COBS frame: {error}") from error
    if len(body) < _HEAD.size + _CRC.size:
        raise FrameError(f"a frame of {len(body)} bytes; the shortest has 6")
    content, (checksum,) = body[: -_CRC.size], _CRC.unpack(body[-_CRC.size :])
    if crc16(content) != checksum:
        raise FrameError(f"CRC 0x{checksum:04X}, expected 0x{crc16(content):04X}")
    version, kind, sequence = _HEAD.unpack(content[: _HEAD.size])
    if version != PROTOCOL_VERSION:
        raise FrameError(
            f"protocol version {version}, this side speaks {PROTOCOL_VERSION}; update the firmware"
        )
    return Frame(kind, sequence, content[_HEAD.size :])


class FrameReader:
    """Finds frames in a stream that may start in the middle, break off or be corrupted.

    Example: feed(b"\\x07garb"), feed(b"age\\x00" + encode_frame(f)) gives [] then [f], errors == 1.
    """

    def __init__(self) -> None:
        self.errors = 0
        self._buffer = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Frames completed by `chunk`; what cannot be decoded is counted in `errors`."""
        frames: list[Frame] = []
        *ended, rest = chunk.split(DELIMITER)
        for part in ended:
            self._append(part)
            frames += self._finish()
        self._append(rest)
        return frames

    def restart(self) -> None:
        """Give up on a frame that has begun and did not end in time."""
        self.errors += bool(self._buffer)
        self._buffer.clear()

    def _append(self, part: bytes) -> None:
        self._buffer += part
        if len(self._buffer) >= MAX_FRAME_BYTES:
            self._buffer.clear()
            self._skipping = True

    def _finish(self) -> list[Frame]:
        wire, skipped = bytes(self._buffer), self._skipping
        self._buffer.clear()
        self._skipping = False
        if not wire and not skipped:
            return []  # two delimiters in a row: hosts send one to flush
        try:
            return [decode_frame(wire)]
        except FrameError:
            self.errors += 1
            return []
