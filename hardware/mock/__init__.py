"""The device side: a firmware in Python around a plant, in lockstep or on a pseudo-terminal.

`hardware.mock.pty_server` is imported by name only: pseudo-terminals exist on POSIX systems alone.
"""

from hardware.mock.device import MockDevice
from hardware.mock.lockstep import LockstepClock, LockstepPort
from hardware.mock.plant import Plant
from hardware.mock.wire import Injection

__all__ = ["Injection", "LockstepClock", "LockstepPort", "MockDevice", "Plant"]
