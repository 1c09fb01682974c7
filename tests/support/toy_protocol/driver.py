"""The host's end of the toy protocol."""

import itertools

import numpy as np

from hardware.driver import PortDriver, frozen, insist
from hardware.identity import Identity
from hardware.port import Port
from robot_mbrl.contract import Command, RobotSpec, RobotState
from robot_mbrl.contract.interface import Fault
from tests.support.toy_protocol.lines import MEANING, LineReader, write_line


class ToyDriver(PortDriver):
    """Asks line by line; the device's sums are its only state."""

    def __init__(self, spec: RobotSpec, port: Port) -> None:
        super().__init__(spec, port)
        self._numbers = itertools.count(1)
        self._reader = LineReader()

    def clear_faults(self) -> None:
        insist(lambda: self._ask("clear"))

    def read(self) -> RobotState:
        return self._resend.read(lambda: self._ask("read"))

    def send(self, command: Command) -> Command:
        values = self._clamped(command).tolist()
        return Command(self._resend.send(lambda: self._ask("drive", *values)).applied)

    def _identify(self) -> Identity:
        words = insist(lambda: self._words("who"))
        joints = [int(w) for w in words[2].split(",")]
        limits = tuple(float(w) for w in words[4].split(","))
        # it stores no name
        return Identity(None, words[0], words[1], tuple(joints), tuple(words[3].split(",")), limits)

    def _enable(self, watchdog_ms: int) -> Fault:
        return Fault(insist(lambda: self._ask("on", watchdog_ms)).faults)

    def _watchdog_in_force_ms(self) -> float:
        return float(insist(lambda: self._words("who"))[-1])

    def _remove_drive(self) -> None:
        insist(lambda: self._ask("off"))

    def _discard_partial(self) -> None:
        self._reader.restart()
        self.statistics.frame_errors = self._reader.errors

    def _ask(self, *request: object) -> RobotState:
        time_s, sample, faults, counts, applied, celsius = self._words(*request)
        return RobotState(
            q_rad=self._angles(tuple(int(w) for w in counts.split(","))),
            applied=frozen(np.array([float(w) for w in applied.split(",")])),
            device_time_s=float(time_s),
            host_time_s=self._port.now(),
            sequence=int(sample),
            faults=_meaning(int(faults)),
            temperature_c=frozen(np.array([float(w) for w in celsius.split(",")])),
        )

    def _words(self, *request: object) -> list[str]:
        number = next(self._numbers)

        def find(data: bytes) -> list[str] | None:
            found = None
            for words in self._reader.feed(data):
                if words[0] == str(number):
                    found = words[1:]
                else:
                    self.statistics.late += 1
            self.statistics.frame_errors = self._reader.errors
            return found

        return self._exchange(write_line(number, *request), find, self._timeout_s, "line")


def _meaning(bits: int) -> Fault:
    return Fault(sum(fault for bit, fault in MEANING.items() if bits & bit))
