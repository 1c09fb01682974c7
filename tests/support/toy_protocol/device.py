"""The device's end of the toy protocol."""

from collections.abc import Iterable

import numpy as np

from hardware.identity import Identity
from hardware.mock.board import Board
from tests.support.toy_protocol.lines import MEANING, LineReader, write_line


class ToyDevice:
    """Lines around a board."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._reader = LineReader()

    def receive(self, data: bytes) -> None:
        for number, *request in self._reader.feed(data):
            if not self.board.wire.loses_request():
                reply = write_line(int(number), *self._answer(*request))
                self.board.wire.post(reply, self.board.time_s)

    def transmit(self) -> bytes:
        return self.board.wire.take(self.board.time_s)

    def _answer(self, verb: str, *values: str) -> list[object]:
        board = self.board
        match verb:
            case "who":
                who = Identity.of_spec(board.spec, "toy-1", f"TOY-{board.reality.name}")
                units, limits = ",".join(who.units), listed(who.limits)
                period = repr(1e3 * board.watchdog_s)
                return [who.firmware, who.serial, listed(who.counts_per_rev), units, limits, period]
            case "drive":
                board.take_command(np.array([float(v) for v in values]))
            case "on":
                board.enable(float(values[0]) * 1e-3)
            case "off":
                board.stop()
            case "clear":
                board.clear_faults()
        faults = sum(bit for bit, fault in MEANING.items() if fault in board.faults)
        measured = [listed(board.counts()), listed(board.echo), listed(board.temperatures_c)]
        return [repr(1e-6 * board.clock.show(board.time_s)), board.sample, faults, *measured]


def listed(values: Iterable[float]) -> str:
    """Numbers with commas, at full precision."""
    return ",".join(repr(v) if isinstance(v, int) else repr(float(v)) for v in values)
