"""The device side: a firmware in Python around a plant, in lockstep or on a pseudo-terminal."""

from hardware.mock.device import Injection, MockDevice
from hardware.mock.lockstep import LockstepClock, LockstepPort
from hardware.mock.plant import Plant
from hardware.mock.serve import PtyServer

__all__ = ["Injection", "LockstepClock", "LockstepPort", "MockDevice", "Plant", "PtyServer"]
