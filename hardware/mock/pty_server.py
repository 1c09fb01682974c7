"""The mock on a pseudo-terminal: a serial port that other processes open, in real time."""

import contextlib
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable

from hardware.mock.board import TICK_S, Device


class PtyServer:
    """Serves a device on a pseudo-terminal; `port` is the path a client opens.

    The device lives by the monotonic clock whether or not somebody is connected, so its watchdog
    works when a client is killed, and the next client finds the device as the last one left it.

        with PtyServer(device) as server:
            print(server.port)
            server.run(until=lambda: False)

    Attributes:
        port: path of the slave side.
        started_s: monotonic time of the device's time 0; None before `run`.
        worst_stall_s: longest time the device was not served, by a busy machine.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.started_s: float | None = None
        self.worst_stall_s = 0.0
        self._master, self._slave = os.openpty()
        # holding the slave open keeps the terminal alive between clients
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._unplug = threading.Event()
        self._closed = False

    def __enter__(self) -> "PtyServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, until: Callable[[], bool]) -> None:
        """Serve until `until()` or `unplug()`; asks every millisecond. Runs in any thread."""
        self.started_s = time.monotonic() - self.device.board.time_s
        while not until() and not self._unplug.is_set():
            self._serve_once(self.started_s)
        if self._unplug.is_set():
            self.close()

    def unplug(self) -> None:
        """Pull the cable: `run` ends and every client's port is gone."""
        self._unplug.set()

    def close(self) -> None:
        """Remove the port; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        os.close(self._slave)
        os.close(self._master)

    def _serve_once(self, start_s: float) -> None:
        now = time.monotonic() - start_s
        board = self.device.board
        next_tick_s = board.time_s + TICK_S
        wait = max(0.0, min(next_tick_s, board.wire.next_reply_s) - now)
        readable, _, _ = select.select([self._master], [], [], wait)
        now = time.monotonic() - start_s
        self.worst_stall_s = max(self.worst_stall_s, now - board.time_s - TICK_S)
        board.advance_to(now)
        if readable:
            self.device.receive(self._read())
        self._write(self.device.transmit())

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except OSError:  # nobody on the other side
            return b""

    def _write(self, data: bytes) -> None:
        if data:
            # a client that does not read loses replies, as on a wire
            with contextlib.suppress(OSError):
                os.write(self._master, data)
