"""A calibration: what was measured on one physical robot, and how sure one is of it.

robot = "furuta"
fingerprint = "0123456789abcdef"    # optional: of the description it was made with
[joint_offset_rad]
pendulum = -0.02
[joint_offset_m]                    # of joints that slide
[parameters.links.pendulum]         # the vocabulary of [randomization] and of reality files
mass = { mean = 1.12, interval = [1.05, 1.19] }
[parameters.actuators.motor]
latency_ms = { mean = 18.0, interval = [16.0, 21.0] }
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from robot_mbrl.contract.description.spec import Calibration, RobotSpec
from robot_mbrl.contract.errors import CalibrationError, SpecError
from robot_mbrl.contract.files.read_file import parse_json_object, read_text, shown
from robot_mbrl.contract.files.toml_table import TomlTable, read_toml
from robot_mbrl.contract.parameters.read_values import walk_parameters
from robot_mbrl.contract.parameters.variation import Variation
from robot_mbrl.contract.parameters.vocabulary import is_scale, parameter_limits

HALF_INTERVAL = 1.96
"""Standard deviations from the mean to the end of a 95 % interval."""


def load_calibration(path: Path, spec: RobotSpec) -> Calibration:
    """Read and check the calibration of a robot from a .toml or .json file.

    Raises CalibrationError, see `check_calibration`.
    """
    return check_calibration(_read(path), spec, str(path))


def calibrate(spec: RobotSpec, path: Path | None) -> RobotSpec:
    """The robot with the calibration in a file; as it is without one.

    Raises CalibrationError, see `check_calibration`.
    """
    return spec if path is None else spec.with_calibration(load_calibration(path, spec))


def describe_offsets(spec: RobotSpec) -> str:
    """The joint offsets of a robot for people, such as "cart 0.01 m, pendulum -0.02 rad"."""
    offsets = spec.offsets_rad
    return ", ".join(f"{joint.name} {offsets[joint.name]:g} {joint.unit}" for joint in spec.joints)


def check_calibration(
    raw: dict[str, Any], spec: RobotSpec, source: str = "calibration"
) -> Calibration:
    """The calibration that a file with the contents `raw` gives a robot; errors name `source`.

    Raises CalibrationError for that of another robot or description, an unknown joint or parameter,
    or a mean outside of its interval.
    """
    if not isinstance(raw, dict):
        raise CalibrationError(f"{source}: expected a table, got {shown(raw)}")
    table = TomlTable(raw, source, error=CalibrationError)
    _check_owner(spec, raw, source)
    offsets = _offsets(spec, table, source)
    try:
        ranges = _ranges(spec, table.table("parameters", optional=True))
    except SpecError as error:
        raise CalibrationError(str(error)) from error
    return Calibration(offsets, ranges, raw)


def _read(path: Path) -> dict[str, Any]:
    if path.suffix != ".toml":
        text = read_text(path, CalibrationError)
        return parse_json_object(text, str(path), CalibrationError)
    try:
        found = read_toml(path).raw()
        return dict(json.loads(json.dumps(found, default=str)))  # dates become text
    except SpecError as error:
        raise CalibrationError(str(error)) from error
    except ValueError as error:  # numbers of thousands of digits
        raise CalibrationError(f"{path}: {error}") from error


def _check_owner(spec: RobotSpec, raw: dict[str, Any], source: str) -> None:
    name, fingerprint = raw.get("robot"), raw.get("fingerprint")
    if name != spec.name:
        raise CalibrationError(
            f"{source} is for robot {name!r}, this one is {spec.name!r}; calibrate this robot "
            "or pass its own file"
        )
    if fingerprint is not None and fingerprint != spec.fingerprint:
        raise CalibrationError(
            f"{source} is for {name!r} with fingerprint {fingerprint!r}, the description in "
            f"{spec.folder} has {spec.fingerprint!r}: it has changed since; calibrate again"
        )


def _offsets(spec: RobotSpec, table: TomlTable, source: str) -> tuple[float, ...]:
    found = dict.fromkeys((joint.name for joint in spec.joints), 0.0)
    for unit in ("rad", "m"):
        offsets = table.table(f"joint_offset_{unit}", optional=True)
        known = [joint.name for joint in spec.joints if joint.unit == unit]
        for name in offsets.keys():  # noqa: SIM118
            if name not in known:
                raise CalibrationError(f"{source} names joint {name!r}; known in {unit}: {known}")
            found[name] = offsets.number(name, -1e3, 1e3, unit)
    return tuple(found.values())


def _ranges(spec: RobotSpec, table: TomlTable) -> dict[str, Variation]:
    """A normal distribution for each identified parameter, cut off at its interval."""
    known = {path for path in spec.nominal if not path.startswith("initial.")}
    found = {}
    for path, parent, key in walk_parameters(table, known):
        entry = parent.table(key)
        low, high = entry.interval("interval", *parameter_limits(path))
        mean = entry.number("mean", low, high)
        entry.finish()
        varied = spec.randomization.get(path, Variation(low, high))
        found[path] = replace(
            varied,
            low=low,
            high=high,
            distribution="normal" if low < high else "uniform",
            mean=mean,
            std=(high - low) / (2 * HALF_INTERVAL) if low < high else Variation.std,
            operation="scale" if is_scale(path) else "set",
        )
    return found
