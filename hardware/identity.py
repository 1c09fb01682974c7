"""Who answers on the wire, and is it the machine that the description describes?"""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import ContractMismatchError


@dataclass(frozen=True)
class Identity:
    """What a device says of itself, whatever its protocol.

    Attributes:
        robot: name as in robot.toml; None where the device cannot store one.
        firmware: version text.
        serial: identity of this very device.
        counts_per_rev: of each joint's encoder, (J,); in a metre where the joint slides.
        units: of each actuator's command, (A,): "V", "A", "Nm", "rad_s", "rad", of a
            slider "N", "m_s", "m".
        limits: largest magnitude of each command, (A,).
    """

    robot: str | None
    firmware: str
    serial: str
    counts_per_rev: tuple[int, ...]
    units: tuple[str, ...]
    limits: tuple[float, ...]

    @classmethod
    def of_spec(cls, spec: RobotSpec, firmware: str, serial: str) -> "Identity":
        """What a device says that is exactly as described."""
        return cls(
            robot=spec.name,
            firmware=firmware,
            serial=serial,
            counts_per_rev=tuple(j.encoder_counts_per_rev for j in spec.joints),
            units=tuple(a.unit for a in spec.actuators),
            limits=tuple(a.limit for a in spec.actuators),
        )


def check_identity(spec: RobotSpec, identity: Identity) -> None:
    """Raise ContractMismatchError unless name, encoders, units and limits of the device fit."""
    expected = Identity.of_spec(spec, identity.firmware, identity.serial)
    names = {
        "robot": "robot name",
        "counts_per_rev": "encoder counts per revolution, or per metre of a slider",
        "units": "command units",
    }
    for field, what in names.items():
        mine, theirs = getattr(expected, field), getattr(identity, field)
        if theirs is not None and mine != theirs:
            raise ContractMismatchError(
                f"{what}: {spec.folder / 'robot.toml'} says {mine}, the device says {theirs}; "
                "connect the right robot or correct its description"
            )
    # as float32, which devices store
    if (np.array(expected.limits, np.float32) > np.array(identity.limits, np.float32)).any():
        raise ContractMismatchError(
            f"command limits: robot.toml allows {list(expected.limits)}, the device only "
            f"{list(identity.limits)} ({', '.join(identity.units)}); lower them in robot.toml"
        )
