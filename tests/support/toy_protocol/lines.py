"""Lines with a number and a checksum: `7 read *593`, answered by `7 ...`."""

from enum import IntFlag

from robot_mbrl.contract.interface import Fault


class ToyFault(IntFlag):
    """What the device reports, in bits of its own."""

    OVERLOAD = 1
    HOT = 2
    SILENT_HOST = 4
    NONSENSE = 8
    LOW_SUPPLY = 16
    BLIND = 32
    LIMITED = 64
    OFF = 128


MEANING = {
    ToyFault.OVERLOAD: Fault.OVERLOAD,
    ToyFault.HOT: Fault.OVERTEMPERATURE,
    ToyFault.SILENT_HOST: Fault.WATCHDOG,
    ToyFault.NONSENSE: Fault.COMMAND_REJECTED,
    ToyFault.LOW_SUPPLY: Fault.UNDERVOLTAGE,
    ToyFault.BLIND: Fault.ENCODER,
    ToyFault.LIMITED: Fault.COMMAND_CLAMPED,
    ToyFault.OFF: Fault.NOT_ENABLED,
}


def write_line(number: int, *words: object) -> bytes:
    """A line with its checksum."""
    text = " ".join(map(str, (number, *words)))
    return f"{text} *{sum(text.encode())}\n".encode()


class LineReader:
    """Cuts a stream into the words of its whole lines; broken ones are counted in `errors`."""

    def __init__(self) -> None:
        self.errors = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[list[str]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [words for line in lines if (words := self._words(line))]

    def restart(self) -> None:
        self.errors += bool(self._rest)
        self._rest = b""

    def _words(self, line: bytes) -> list[str]:
        text, _, checksum = line.partition(b" *")
        if checksum != str(sum(text)).encode() or not text.isascii():
            self.errors += bool(line)
            return []
        return text.decode().split(" ")
