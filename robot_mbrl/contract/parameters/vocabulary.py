"""The one vocabulary for what may differ between robots: used by [randomization] and by reality
files.

A parameter is a dotted path such as `links.pendulum.mass`. Its *kind* says what its number means:
`scale` multiplies the nominal value of robot.toml or the URDF (nominal 1), `absolute` is in the
unit its name ends in (nominal given by the robot).
"""

from typing import TYPE_CHECKING

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters.effects import effect_of
from robot_mbrl.contract.parameters.variation import Draw, Variation
from robot_mbrl.contract.toml_table import Table

if TYPE_CHECKING:
    from robot_mbrl.contract.description.spec import RobotSpec

SCALE_LIMITS = (0.01, 100.0)
LINK_SCALES = ("mass", "length")
JOINT_SCALES = ("damping", "friction")
ACTUATOR_SCALES = ("resistance", "torque_constant", "supply")
DIRECT_SCALES = ("torque_constant", "supply")  # a drive with its own loop hides its resistance
SERVO_SCALES = ("stiffness", "damping", "torque_limit")
SCALES_OF = {"dc_motor": ACTUATOR_SCALES, "direct": DIRECT_SCALES, "servo": SERVO_SCALES}
ABSOLUTE_LIMITS = {
    "latency_ms": (0.0, 100.0),
    "noise_counts": (0.0, 100.0),
    "position_rad": (-100.0, 100.0),
    "velocity_rad_s": (-1000.0, 1000.0),
}

Parameters = dict[str, FloatArray]
"""Sampled parameters: path -> values, shape (B,) over worlds."""


def nominal_parameters(spec: "RobotSpec") -> dict[str, float]:
    """Every parameter of the robot with its nominal value: 1 for a scale, the robot's own
    otherwise. Of the effects only those that its description names."""
    nominal = {f"links.{link}.{key}": 1.0 for link in spec.links for key in LINK_SCALES}
    nominal |= {f"joints.{j.name}.{key}": 1.0 for j in spec.joints for key in JOINT_SCALES}
    for actuator in spec.actuators:
        keys = SCALES_OF[actuator.motor.kind] + ("inductance",) * (actuator.motor.inductance_h > 0)
        nominal |= {f"actuators.{actuator.name}.{key}": 1.0 for key in keys}
        nominal[f"actuators.{actuator.name}.latency_ms"] = actuator.latency_ms
    nominal["sensors.latency_ms"] = spec.sensor.latency_ms
    nominal["sensors.noise_counts"] = spec.sensor.noise_counts
    for joint in spec.joints:
        nominal[f"initial.{joint.name}.position_rad"] = joint.home_rad
        nominal[f"initial.{joint.name}.velocity_rad_s"] = 0.0
    return nominal | spec.effects


def is_scale(path: str) -> bool:
    """Whether the number of a parameter multiplies what the robot has."""
    return path.rsplit(".", 1)[-1] not in ABSOLUTE_LIMITS and effect_of(path) is None


def parameter_limits(path: str) -> tuple[float, float]:
    """Allowed range of a parameter's number."""
    effect = effect_of(path)
    if effect is not None:
        return effect.low, effect.high
    return ABSOLUTE_LIMITS.get(path.rsplit(".", 1)[-1], SCALE_LIMITS)


def walk_parameters(
    table: Table, known: set[str], prefix: str = ""
) -> list[tuple[str, Table, str]]:
    """Flatten a nested table into (path, parent table, key) down to known parameter paths."""
    found = []
    for key in table.keys():  # noqa: SIM118 - Table is no mapping
        path = f"{prefix}{key}"
        if path in known:
            found.append((path, table, key))
        elif any(name.startswith(path + ".") for name in known):
            found += walk_parameters(table.table(key), known, path + ".")
        else:
            options = sorted(
                {n[len(prefix) :].split(".")[0] for n in known if n.startswith(prefix)}
            )
            where = f"{table.path}.{key}" if table.path else key
            raise SpecError(
                f"{table.source}: {where}: unknown parameter. Known here: {', '.join(options)}"
            )
    return found


def read_values(table: Table, nominal: dict[str, float], prefix: str = "") -> dict[str, float]:
    """Read one number for each parameter named, in the vocabulary of `[randomization]`.

    `prefix`, such as "joints.", is where the table stands in it. Raises SpecError.
    """
    values = {}
    for path, parent, key in walk_parameters(table, set(nominal), prefix):
        low, high = parameter_limits(path)
        effect = effect_of(path)
        if effect is not None and effect.whole:
            values[path] = float(parent.integer(key, int(low), int(high)))
        else:
            values[path] = parent.number(key, low, high, effect.unit if effect else "")
    return values


def sample_parameters(
    variations: dict[str, Variation],
    nominal: dict[str, float],
    rng: np.random.Generator,
    size: int,
) -> Parameters:
    """Draw every parameter for `size` worlds; those without a variation keep their nominal
    value."""
    draw = Draw(rng, size)
    return {
        path: draw.values(variations[path]) if path in variations else np.full(size, value)
        for path, value in nominal.items()
    }
