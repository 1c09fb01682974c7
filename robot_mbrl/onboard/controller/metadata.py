"""What a controller file says about itself, and the check that it belongs to this robot."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.errors import ContractMismatchError, DataError
from robot_mbrl.contract.files.read_file import parse_json_object, shown
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.data.header import read_action

FORMAT = 1
TABLES = ("planner", "thresholds", "lineage", "versions", "tolerance", "ties", "calibration")


@dataclass(frozen=True)
class ControllerMetadata:
    """JSON under the ONNX metadata key "robot_mbrl".

    Attributes:
        robot: name of the robot.
        fingerprint: `RobotSpec.fingerprint` the controller was made for.
        columns: names of the observation columns, O of them.
        actions: {name, unit, limit} of each actuator, A of them; limit in unit.
        rate_hz: control ticks per second.
        planner: its settings, among them iterations I, candidates N, horizon H.
        thresholds: `MonitorThresholds` as JSON; empty where not calibrated.
        lineage: run, data and parents it was made from.
        versions: of the programs that made it.
        tolerance: largest difference between this file and the torch planner, of each output.
        calibration: of the robot it was made for, see `contract.description.calibration`; empty
            without one, and in files of before.
        ties: share of observations at which rounding decides between plans that are worth the same,
            and the largest difference of the action there.
        format: version of this record.
    """

    robot: str
    fingerprint: str
    columns: tuple[str, ...]
    actions: tuple[dict[str, Any], ...]
    rate_hz: float
    planner: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, Any] = field(default_factory=dict)
    lineage: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    tolerance: dict[str, Any] = field(default_factory=dict)
    ties: dict[str, float] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def from_spec(cls, spec: RobotSpec, **rest: Any) -> "ControllerMetadata":
        """The metadata of a controller made for this robot."""
        return cls(
            robot=spec.name,
            fingerprint=spec.fingerprint,
            columns=ObservationLayout.from_spec(spec).columns,
            actions=tuple(
                {"name": a.name, "unit": a.unit, "limit": a.limit} for a in spec.actuators
            ),
            rate_hz=spec.control.rate_hz,
            calibration=spec.calibration,
            **rest,
        )

    def to_json(self) -> str:
        """Numbers at full precision."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, source: str) -> "ControllerMetadata":
        """The inverse of `to_json`; raises DataError naming what is missing or wrong."""
        place = f"{source}: controller metadata"
        values = parse_json_object(text, place)
        values.setdefault("calibration", {})
        missing = [f.name for f in fields(cls) if f.name not in values]
        if missing:
            raise DataError(f"{place} lacks {', '.join(missing)}")
        if values["format"] != FORMAT:
            raise DataError(
                f"{source}: controller format {shown(values['format'])}, this version reads "
                f"{FORMAT}; export it again"
            )
        table = TomlTable(values, place, error=DataError)
        return cls(
            robot=table.text("robot"),
            fingerprint=table.text("fingerprint"),
            columns=table.names("columns"),
            actions=tuple(read_action(action) for action in table.tables("actions")),
            rate_hz=table.number("rate_hz", 1e-3, 1e6, "Hz"),
            **{name: table.table(name).raw() for name in TABLES},
            format=FORMAT,
        )

    def check_robot(self, spec: RobotSpec, source: str) -> None:
        """Raise ContractMismatchError naming every difference from this robot."""
        mine = ControllerMetadata.from_spec(spec)
        differences = [
            f"{name}: controller {getattr(self, name)!r}, robot {getattr(mine, name)!r}"
            for name in ("robot", "rate_hz")
            if getattr(self, name) != getattr(mine, name)
        ]
        differences += _action_differences(self.actions, mine.actions)
        if self.columns != mine.columns:
            differences.append(
                f"observation columns: only in the controller "
                f"{sorted(set(self.columns) - set(mine.columns))}, only in the robot "
                f"{sorted(set(mine.columns) - set(self.columns))}"
                if set(self.columns) != set(mine.columns)
                else "observation columns: same names in another order or number"
            )
        if self.fingerprint != mine.fingerprint:
            differences.append(
                f"fingerprint: controller {self.fingerprint}, robot {mine.fingerprint}"
            )
        if differences:
            raise ContractMismatchError(
                f"{source} was made for another description of robot {spec.name!r}: "
                + "; ".join(differences)
                + ". Export the controller again from this robot folder"
            )


def _action_differences(
    theirs: tuple[dict[str, Any], ...], mine: tuple[dict[str, Any], ...]
) -> list[str]:
    if [a.get("name") for a in theirs] != [a["name"] for a in mine]:
        return [
            f"actuators: controller {[a.get('name') for a in theirs]}, "
            f"robot {[a['name'] for a in mine]}"
        ]
    return [
        f"{key} of actuator {b['name']!r}: controller {a.get(key)}, robot {b[key]}"
        for a, b in zip(theirs, mine, strict=True)
        for key in ("unit", "limit")
        if a.get(key) != b[key]
    ]
