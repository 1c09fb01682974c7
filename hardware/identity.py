"""Is this the machine that the description describes?"""

import numpy as np

from hardware.mcu.messages import Identity
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import ContractMismatchError


def check_identity(spec: RobotSpec, identity: Identity) -> None:
    """Raise ContractMismatchError unless name, encoders, units and limits of the device fit."""
    pairs = {
        "robot name": (spec.name, identity.robot),
        "encoder counts per revolution": (
            tuple(j.encoder_counts_per_rev for j in spec.joints),
            identity.counts_per_rev,
        ),
        "command units": (tuple(a.unit for a in spec.actuators), identity.units),
    }
    for what, (expected, got) in pairs.items():
        if expected != got:
            raise ContractMismatchError(
                f"{what}: {spec.folder / 'robot.toml'} says {expected}, the device says {got}; "
                "connect the right robot or correct its description"
            )
    limits = [a.limit for a in spec.actuators]
    if (np.array(limits, np.float32) > np.array(identity.limits, np.float32)).any():
        raise ContractMismatchError(
            f"command limits: robot.toml allows {limits}, the device only "
            f"{list(identity.limits)} ({', '.join(identity.units)}); lower them in robot.toml"
        )
