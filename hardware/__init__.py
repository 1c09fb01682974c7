"""Real robots and their stand-in: serial ports, protocols, mock devices."""

from hardware.clock import RealClock
from hardware.connection import (
    Connection,
    is_mock,
    make_device,
    make_env,
    open_connection,
    open_robot,
)
from hardware.driver import Driver

__all__ = [
    "Connection",
    "Driver",
    "RealClock",
    "is_mock",
    "make_device",
    "make_env",
    "open_connection",
    "open_robot",
]
