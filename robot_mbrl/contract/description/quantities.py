"""The physical quantity behind the number of a parameter: the robot's own value, with its unit."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.description.spec import ActuatorSpec, RobotSpec
from robot_mbrl.contract.parameters.effects import effect_of
from robot_mbrl.contract.urdf.tree import Urdf, composite_inertia, read_urdf

UNITS = {
    "latency_ms": "ms",
    "noise_counts": "counts",
    "position_rad": "rad",
    "velocity_rad_s": "rad/s",
    "position_m": "m",
    "velocity_m_s": "m/s",
}
"""Units of parameters that are no scales and no effects, by the last word of their path."""


@dataclass(frozen=True)
class Quantity:
    """Nominal value and its unit; NaN where a scale is of many numbers at once."""

    value: float
    unit: str


def nominal_quantities(spec: RobotSpec) -> dict[str, Quantity]:
    """The nominal quantity of every parameter of the robot, by path."""
    urdf = read_urdf(spec.urdf)
    found = {path: Quantity(value, _unit(path)) for path, value in spec.nominal.items()}
    for link in spec.links:
        found |= dict(_of_link(urdf, link))
    for joint in urdf.moving:
        damping, friction = ("N s/m", "N") if joint.slides else ("N m s/rad", "N m")
        found[f"joints.{joint.name}.damping"] = Quantity(joint.damping_nm_s_rad, damping)
        found[f"joints.{joint.name}.friction"] = Quantity(joint.friction_nm, friction)
    for actuator in spec.actuators:
        for key, quantity in _of_actuator(actuator):
            path = f"actuators.{actuator.name}.{key}"
            if path in found:
                found[path] = quantity
    return found


def _unit(path: str) -> str:
    effect = effect_of(path)
    return effect.unit if effect else UNITS.get(path.rsplit(".", 1)[-1], "")


def _of_link(urdf: Urdf, link: str) -> Iterator[tuple[str, Quantity]]:
    mass, centre, _ = composite_inertia(urdf, link)
    yield f"links.{link}.mass", Quantity(mass, "kg")
    # "length" scales every distance in the link; its centre of mass stands for them
    reach = float(np.linalg.norm(centre))
    yield f"links.{link}.length", Quantity(reach, "m to its centre of mass")


def _of_actuator(actuator: ActuatorSpec) -> Iterator[tuple[str, Quantity]]:
    motor, slides = actuator.motor, actuator.kind == "slide"
    force = "N" if slides else "N m"
    yield "resistance", Quantity(motor.resistance_ohm, "ohm")
    yield (
        "torque_constant",
        Quantity(1.0, f"{force} per {force} asked for")
        if actuator.command in ("torque", "force")
        else Quantity(motor.torque_constant_nm_a, "N m/A"),
    )
    yield "inductance", Quantity(motor.inductance_h, "H")
    yield "supply", Quantity(actuator.limit, f"{actuator.unit} at full command")
    stiffness, damping = ("N/m", "N s/m") if slides else ("N m/rad", "N m s/rad")
    yield "stiffness", Quantity(motor.stiffness_nm_rad, stiffness)
    yield "damping", Quantity(motor.damping_nm_s_rad, damping)
    yield "torque_limit", Quantity(motor.torque_limit_nm, force)
