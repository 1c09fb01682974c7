"""What a device has latched and keeps until it is cleared."""

from contextlib import suppress

from robot_mbrl.contract import Robot, RobotSpec
from robot_mbrl.contract.errors import LinkTimeout
from robot_mbrl.contract.interface import LATCHED_FAULTS, Fault


def latched_faults(robot: Robot, spec: RobotSpec) -> Fault:
    """Faults of a connected robot that keep it from being enabled; a lost reply or two is bridged.

    Raises LinkError.
    """
    for _ in range(spec.safety.coast_ticks):
        with suppress(LinkTimeout):
            return Fault(robot.read().faults) & LATCHED_FAULTS
    return Fault(robot.read().faults) & LATCHED_FAULTS
