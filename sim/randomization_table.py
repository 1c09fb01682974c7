"""[randomization] as a table for people: what is drawn, from where to where, in physical units."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.spec import ActuatorSpec
from robot_mbrl.contract.urdf import Urdf, composite_inertia, read_urdf

UNITS = {
    "latency_ms": "ms",
    "noise_counts": "counts",
    "position_rad": "rad",
    "velocity_rad_s": "rad/s",
}


@dataclass(frozen=True)
class RandomizationRow:
    """One parameter that varies.

    Attributes:
        parameter: its path.
        distribution: "uniform" or "log-uniform".
        drawn: the range as robot.toml has it.
        nominal, physical: nominal value and range with their unit; "" where there is none.
    """

    parameter: str
    distribution: str
    drawn: str
    nominal: str
    physical: str


def randomization_rows(spec: RobotSpec) -> tuple[RandomizationRow, ...]:
    """One row for each parameter of [randomization], in its order."""
    nominal = _physical_nominal(spec)
    rows = []
    for path, variation in spec.randomization.items():
        value, unit = nominal[path]
        absolute = path.rsplit(".", 1)[-1] in UNITS
        low, high = variation.low, variation.high
        drawn = f"{low:.4g} to {high:.4g}" if absolute else f"x {low:.4g} to {high:.4g}"
        scale = 1.0 if absolute else value
        shown = f"{low * scale:.4g} to {high * scale:.4g} {unit}"
        known = np.isfinite(value)
        rows.append(
            RandomizationRow(
                parameter=path,
                distribution="log-uniform" if variation.log else "uniform",
                drawn=drawn,
                nominal=f"{value:.4g} {unit}" if known else "",
                physical=shown if known else "",
            )
        )
    return tuple(rows)


def _physical_nominal(spec: RobotSpec) -> dict[str, tuple[float, str]]:
    """Nominal value and unit of every parameter; NaN for a scale of many numbers at once."""
    urdf = read_urdf(spec.urdf)
    found = {
        path: (value, UNITS.get(path.rsplit(".", 1)[-1], ""))
        for path, value in spec.nominal.items()
    }
    for link in spec.links:
        found |= dict(_of_link(urdf, link))
    for joint in urdf.turning:
        found[f"joints.{joint.name}.damping"] = (joint.damping_nm_s_rad, "N m s/rad")
        found[f"joints.{joint.name}.friction"] = (joint.friction_nm, "N m")
    for actuator in spec.actuators:
        for key, value in _of_actuator(actuator):
            path = f"actuators.{actuator.name}.{key}"
            if path in found:
                found[path] = value
    return found


def _of_link(urdf: Urdf, link: str) -> Iterator[tuple[str, tuple[float, str]]]:
    mass, centre, _ = composite_inertia(urdf, link)
    yield f"links.{link}.mass", (mass, "kg")
    # "length" scales every distance in the link; its centre of mass stands for them
    yield f"links.{link}.length", (float(np.linalg.norm(centre)), "m to its centre of mass")


def _of_actuator(actuator: ActuatorSpec) -> Iterator[tuple[str, tuple[float, str]]]:
    motor = actuator.motor
    yield "resistance", (motor.resistance_ohm, "ohm")
    yield (
        "torque_constant",
        (motor.torque_constant_nm_a, "N m/A")
        if actuator.command != "torque"
        else (1.0, "N m per N m asked for"),
    )
    yield "supply", (actuator.limit, f"{actuator.unit} at full command")
    yield "stiffness", (motor.stiffness_nm_rad, "N m/rad")
    yield "damping", (motor.damping_nm_s_rad, "N m s/rad")
    yield "torque_limit", (motor.torque_limit_nm, "N m")
