"""Bytes to and from a device: a serial port, a pseudo-terminal or any pyserial URL."""

import contextlib
import os
import select
import time
from pathlib import Path
from typing import Any, Protocol

import serial
from serial.tools import list_ports

from robot_mbrl.contract.errors import LinkError, LinkTimeout

BY_ID = Path("/dev/serial/by-id")  # names that survive replugging, given by udev
POLL_S = 0.0002  # for URLs without a file descriptor, where nothing can be waited for


class Port(Protocol):
    """A byte stream with its own time, so that a simulated wire needs no sleeping."""

    def now(self) -> float:
        """Monotonic seconds in which deadlines are counted."""

    def write(self, data: bytes) -> None:
        """Send all of `data`; raises LinkError."""

    def read(self, deadline_s: float) -> bytes:
        """Return what has arrived; wait for it until `deadline_s`, then return b"".

        Raises LinkError."""

    def close(self) -> None:
        """Release the port; safe to call twice."""


class SerialPort:
    """`Port` over pyserial; opened by `open_port`."""

    def __init__(self, name: str, device: Any) -> None:
        self.name = name
        self._device = device
        try:
            self._descriptor: int | None = device.fileno()
        except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
            self._descriptor = None

    def now(self) -> float:
        """CLOCK_MONOTONIC in s."""
        return time.monotonic()

    def write(self, data: bytes) -> None:
        """Send all of `data`; raises LinkTimeout when the line takes nothing, else LinkError."""
        try:
            if self._descriptor is None or "://" in self.name:  # spy:// logs what it is given
                self._device.write(data)
            else:
                self._send(self._device.fileno(), data)
        except serial.SerialTimeoutException as error:
            raise LinkTimeout(f"port {self.name}: the device takes no bytes") from error
        except (OSError, TypeError, ValueError) as error:  # SerialException is an OSError
            raise self._lost(error) from error

    def _send(self, descriptor: int, data: bytes) -> None:
        """Not by pyserial, which calls it a timeout if this process slept while all was sent."""
        deadline_s = time.monotonic() + self._device.write_timeout
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(descriptor, data) :]
            left = max(0.0, deadline_s - time.monotonic())
            if data and not select.select([], [descriptor], [], left)[1]:
                raise serial.SerialTimeoutException

    def read(self, deadline_s: float) -> bytes:
        """Return what has arrived until `deadline_s`, at once when there is something."""
        try:
            while True:
                self._wait(deadline_s)
                data = bytes(self._device.read(4096))
                if data or time.monotonic() >= deadline_s:
                    return data
        except (OSError, TypeError, ValueError) as error:  # pyserial on a closed port: TypeError
            raise self._lost(error) from error

    def close(self) -> None:
        """Release the port."""
        with contextlib.suppress(OSError, TypeError, ValueError):
            self._device.close()

    def _wait(self, deadline_s: float) -> None:
        left = max(0.0, deadline_s - time.monotonic())
        if self._descriptor is None:
            time.sleep(0.0 if self._device.in_waiting else min(left, POLL_S))
        else:
            select.select([self._descriptor], [], [], left)

    def _lost(self, error: Exception) -> LinkError:
        return LinkError(f"port {self.name} is gone ({error}); check plug, power and cable")


def open_port(port: str, baudrate: int, write_timeout_s: float = 0.02) -> SerialPort:
    """Open a device path ("/dev/ttyACM0") or a pyserial URL ("socket://host:1234") exclusively.

    Raises LinkError that names the port, the ports there are, and what to try.
    """
    try:
        device = serial.serial_for_url(
            port, baudrate=baudrate, timeout=0, write_timeout=write_timeout_s, do_not_open=True
        )
        if "://" not in port:
            device.exclusive = True
        device.open()
    except (OSError, ValueError) as error:
        raise LinkError(_explain(port, error)) from error
    # USB adapters hold bytes for 16 ms unless asked not to; ptys and sockets cannot be asked
    with contextlib.suppress(OSError, ValueError, AttributeError, NotImplementedError):
        device.set_low_latency_mode(True)
    return SerialPort(port, device)


def existing_ports() -> list[str]:
    """Serial ports of this machine, by the stable name of the device where there is one."""
    stable = {str(p.resolve()): str(p) for p in BY_ID.glob("*")}
    names = [os.path.realpath(p.device) for p in list_ports.comports()]
    return sorted(stable.get(name, name) for name in names)


def _explain(port: str, error: Exception) -> str:
    found = ", ".join(existing_ports()) or "none"
    text = f"port {port}: cannot be opened ({error}). Ports here: {found}."
    path = Path(port)
    if "://" in port:
        return text + " Known forms: /dev/..., socket://host:port, loop://, mock, mock:reality.toml"
    if not path.exists():
        return text + " Plug the device in, or take one of these; `mock` needs no device"
    if not os.access(path, os.R_OK | os.W_OK):
        return text + " No permission: sudo usermod -aG dialout $USER, then log in again"
    return text + " Close the other program that uses it"
