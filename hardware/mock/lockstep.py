"""The mock in the same process: the same bytes, but time passes only when someone waits."""

import math

from hardware.mock.board import Device
from robot_mbrl.contract.errors import LinkError


class LockstepPort:
    """`Port` straight into a device. A reply takes no time, a lost one takes its whole deadline."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._plugged = True

    def now(self) -> float:
        """Simulated seconds, the device's own."""
        return self.device.board.time_s

    def write(self, data: bytes) -> None:
        """Hand bytes to the device; raises LinkError when unplugged."""
        self._check()
        self.device.receive(data)

    def read(self, deadline_s: float) -> bytes:
        """Bytes of the device; time passes until the next reply leaves or `deadline_s`."""
        self._check()
        data = self.device.transmit()
        if not data:
            board = self.device.board
            board.advance_to(min(deadline_s, board.wire.next_reply_s))
            data = self.device.transmit()
        return data

    def close(self) -> None:
        """Nothing to release; the device lives on."""
        self._plugged = False

    def unplug(self) -> None:
        """From now on every access raises LinkError, as with a pulled cable."""
        self._plugged = False

    def _check(self) -> None:
        if not self._plugged:
            raise LinkError("port mock is gone (unplugged); check plug, power and cable")


class LockstepClock:
    """`Clock` of a lockstep device: waiting advances the device and its plant."""

    def __init__(self, device: Device) -> None:
        self._board = device.board

    def now(self) -> float:
        """Simulated seconds."""
        return self._board.time_s

    def wait_until(self, time_s: float) -> float:
        """Advance to `time_s`, at once when it has passed; gives the lateness in s."""
        lateness = max(0.0, self.now() - time_s)
        if math.isfinite(time_s):
            self._board.advance_to(time_s)
        return lateness
