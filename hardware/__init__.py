"""Real robots and their stand-in: serial ports, protocol `mcu`, the mock device."""

from hardware.clock import RealClock
from hardware.connection import (
    Connection,
    is_mock,
    make_device,
    make_env,
    open_connection,
    open_robot,
)
from hardware.mcu.driver import SerialRobot

__all__ = [
    "Connection",
    "RealClock",
    "SerialRobot",
    "is_mock",
    "make_device",
    "make_env",
    "open_connection",
    "open_robot",
]
