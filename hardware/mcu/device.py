"""`McuDevice`: the firmware of protocol `mcu` around a board; see `protocol.md`."""

import numpy as np

from hardware.counters import signed, unsigned
from hardware.identity import Identity
from hardware.mcu import messages
from hardware.mcu.frames import MEANING, Frame, FrameReader, McuFault, MessageType, encode_frame
from hardware.mcu.messages import MAX_TEXT_BYTES, IdentityMessage, StateMessage
from hardware.mock.board import Board
from robot_mbrl.contract.errors import FrameError
from robot_mbrl.contract.interface import Fault

FIRMWARE = "mock 1.0"


class McuDevice:
    """A device that behaves as `protocol.md` says."""

    def __init__(self, board: Board) -> None:
        """Put the protocol on a board that has just been powered up."""
        self.board = board
        self._reader = FrameReader()

    def receive(self, data: bytes) -> None:
        """Take bytes from the host; whole frames are answered."""
        for frame in self._reader.feed(data):
            reply = None if self.board.wire.loses_request() else self._answer(frame)
            if reply is not None:
                self.board.wire.post(encode_frame(reply), self.board.time_s)

    def transmit(self) -> bytes:
        """Bytes that have left for the host by now."""
        return self.board.wire.take(self.board.time_s)

    def _answer(self, frame: Frame) -> Frame | None:
        """Do what a request says and return the reply, None for what is no request."""
        board = self.board
        if frame.type == MessageType.HELLO:
            return self._identity().pack(frame.sequence)
        try:
            match frame.type:
                case MessageType.READ:
                    pass
                case MessageType.COMMAND:
                    board.take_command(np.array(messages.unpack_command(frame)))
                case MessageType.ENABLE:
                    board.enable(messages.unpack_enable(frame) * 1e-3)
                case MessageType.STOP:
                    board.stop()
                case MessageType.CLEAR:
                    board.clear_faults()
                case _:
                    return None
        except FrameError:
            return None
        return self._state().pack(frame.sequence)

    def _identity(self) -> IdentityMessage:
        board = self.board
        name = board.reality.name.encode()[: MAX_TEXT_BYTES - 5].decode(errors="ignore")
        return IdentityMessage(
            Identity.of_spec(board.spec, FIRMWARE, f"MOCK-{name}"),
            watchdog_ms=round(board.watchdog_s * 1e3),
        )

    def _state(self) -> StateMessage:
        board = self.board
        return StateMessage(
            device_us=board.clock.show(board.time_s),
            sample=unsigned(board.sample),
            faults=int(on_the_wire(board.faults)),
            counts=tuple(signed(count) for count in board.counts()),
            applied=tuple(float(v) for v in board.echo),
            temperature_c=tuple(float(v) for v in board.temperatures_c),
        )


def on_the_wire(faults: Fault) -> McuFault:
    """The bits by which this protocol reports faults; what it has no bit for is left out."""
    return McuFault(sum(bit for bit, fault in MEANING.items() if fault in faults))
