"""Which columns of a log hold what: found by name, or told by a small TOML file."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import read_text

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
TIMES = ("time", "t", "timestamp")
TABLES = ("positions", "commanded", "measured")


@dataclass(frozen=True)
class Column:
    """Where values come from: `scale` times the column, plus `offset`; the offset alone without a
    column."""

    name: str = ""
    scale: float = 1.0
    offset: float = 0.0

    @classmethod
    def parse(cls, value: Any, where: str) -> "Column":
        """A name, a number, or a table with column, scale and offset; raises DataError."""
        if isinstance(value, str) and value:
            return cls(value)
        if _is_number(value):
            return cls(offset=float(value))
        if isinstance(value, dict) and set(value) <= {"column", "scale", "offset"}:
            name, rest = value.get("column"), {k: v for k, v in value.items() if k != "column"}
            if isinstance(name, str) and name and all(_is_number(v) for v in rest.values()):
                return cls(name, **{k: float(v) for k, v in rest.items()})
        raise DataError(
            f"{where}: expected the name of a column, a number, or "
            f'{{ column = "...", scale = 1.0, offset = 0.0 }}; got {value!r:.80}'
        )


@dataclass(frozen=True)
class LogColumns:
    """Columns of a log; those left out are found by name, see `found`.

    Attributes:
        time: the name of the clock's column.
        time_unit: "s", "ms", "us" or "ns"; that at the end of the column's name by default, or s.
        positions: by joint, in rad, of sliders in m, not wrapped, zero and sign as in the URDF.
        commanded: by actuator, what was asked of it, in its physical unit.
        measured: by actuator, what it did, as measured, in its physical unit.
    """

    time: str = ""
    time_unit: str = ""
    positions: Mapping[str, Column] = field(default_factory=dict)
    commanded: Mapping[str, Column] = field(default_factory=dict)
    measured: Mapping[str, Column] = field(default_factory=dict)

    def found(self, names: Sequence[str], spec: RobotSpec) -> "LogColumns":
        """All columns of a file whose columns are `names`.

        A joint's position is looked for as JOINT.position, JOINT_position and JOINT, an actuator's
        command as ACTUATOR.command and ACTUATOR_command, its measured torque as ACTUATOR.torque and
        ACTUATOR_torque; where there is only one of them, also as position, command and torque.
        """
        joints = [joint.name for joint in spec.joints]
        actuators = [actuator.name for actuator in spec.actuators]
        times = [f"{name}{end}" for name in TIMES for end in ("", *(f"_{u}" for u in SECONDS))]
        time = self.time or next((name for name in times if name in names), "")
        ending = time.rpartition("_")[2]
        return LogColumns(
            time,
            self.time_unit or (ending if ending in SECONDS else "s"),
            _by_name(joints, "position", names, plain=True) | dict(self.positions),
            _by_name(actuators, "command", names) | dict(self.commanded),
            _by_name(actuators, "torque", names) | dict(self.measured),
        )

    @property
    def described(self) -> dict[str, Any]:
        """The same as plain values, for the header of an episode."""
        return asdict(self)


def read_columns(path: Path, spec: RobotSpec) -> LogColumns:
    """Read a TOML file with `time`, `time_unit` and the tables [positions], [commanded] and
    [measured]; raises DataError naming the file, the key and what is allowed."""
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid TOML: {error}") from error
    known = {
        "positions": [joint.name for joint in spec.joints],
        "commanded": [actuator.name for actuator in spec.actuators],
        "measured": [actuator.name for actuator in spec.actuators],
    }
    wrong = [key for key in data if key not in ("time", "time_unit", *TABLES)]
    if wrong:
        raise DataError(f"{path}: unknown key {wrong[0]!r}; known: time, time_unit, {TABLES}")
    unit, time = data.get("time_unit", ""), data.get("time", "")
    if unit not in ("", *SECONDS) or not isinstance(time, str):
        raise DataError(f"{path}: expected time_unit of {', '.join(SECONDS)} and time a name")
    tables = {name: _table(path, name, data.get(name, {}), known[name]) for name in TABLES}
    return LogColumns(time, unit, **tables)


def template(spec: RobotSpec) -> str:
    """A mapping file for people to fill in."""
    lines = ['time = "..."', 'time_unit = "s"  # or ms, us, ns', "[positions]"]
    lines += [f'{joint.name} = "..."  # {joint.unit}' for joint in spec.joints]
    lines += ["[commanded]  # or [measured]"]
    lines += [f'{actuator.name} = "..."  # {actuator.unit}' for actuator in spec.actuators]
    return "\n".join(f"    {line}" for line in lines)


def _table(path: Path, name: str, table: Any, known: Sequence[str]) -> dict[str, Column]:
    if not isinstance(table, dict):
        raise DataError(f"{path}: {name}: expected a table [{name}], got {table!r:.80}")
    unknown = [key for key in table if key not in known]
    if unknown:
        raise DataError(f"{path}: [{name}] {unknown[0]!r}: the robot has {', '.join(known)}")
    return {key: Column.parse(value, f"{path}: [{name}] {key}") for key, value in table.items()}


def _by_name(
    owners: Sequence[str], what: str, names: Sequence[str], *, plain: bool = False
) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for owner in owners:
        tries = [f"{owner}.{what}", f"{owner}_{what}", *([owner] if plain else [])]
        tries += [what] if len(owners) == 1 else []
        match = [name for name in tries if name in names]
        found |= {owner: Column(match[0])} if match else {}
    return found


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
