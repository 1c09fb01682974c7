"""The header of an episode: robot, columns, rate and origin, before its first tick."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.contract.files.read_file import parse_json, shown
from robot_mbrl.contract.files.toml_table import TomlTable

FORMAT = 2
"""From 2 on each record carries a checksum, see `formats/seal.py`."""
FORMATS = (1, FORMAT)
KINDS = ("deploy", "collect", "import")


@dataclass(frozen=True)
class EpisodeHeader:
    """Metadata record "robot_mbrl.header".

    Attributes:
        robot: name of the robot.
        fingerprint: `RobotSpec.fingerprint` at the time of recording.
        columns: names of the observation columns, O of them.
        joints: names of the joints, J of them.
        actions: {name, unit, limit} of each actuator, A of them; limit in unit.
        rate_hz: control ticks per second.
        kind: "deploy", "collect" or "import".
        created: time of recording, ISO 8601, passed in.
        lineage: which controller acted and what it was made from.
        extra: anything else, e.g. the source of an imported log.
        joint_offset_rad: offset of each joint that was added to what its encoder showed; empty
            where that is not known: in imported logs, and in files of before.
        joint_units: "rad", or "m" where it slides, of each joint's position; empty, for rad, in
            files of before.
        format: version of this record.
    """

    robot: str
    fingerprint: str
    columns: tuple[str, ...]
    joints: tuple[str, ...]
    actions: tuple[dict[str, Any], ...]
    rate_hz: float
    kind: str
    created: str
    lineage: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    joint_offset_rad: dict[str, float] = field(default_factory=dict)
    joint_units: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def from_spec(
        cls,
        spec: RobotSpec,
        *,
        kind: str,
        created: str,
        lineage: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> "EpisodeHeader":
        """The header of an episode of this robot; raises SettingsError for an unknown kind."""
        if kind not in KINDS:
            raise SettingsError(f"episode kind {kind!r}: expected one of {', '.join(KINDS)}")
        return cls(
            robot=spec.name,
            fingerprint=spec.fingerprint,
            columns=ObservationLayout.from_spec(spec).columns,
            joints=tuple(j.name for j in spec.joints),
            actions=tuple(
                {"name": a.name, "unit": a.unit, "limit": a.limit} for a in spec.actuators
            ),
            rate_hz=spec.control.rate_hz,
            kind=kind,
            created=created,
            lineage=lineage or {},
            extra=extra or {},
            joint_offset_rad={} if kind == "import" else spec.offsets_rad,
            joint_units={joint.name: joint.unit for joint in spec.joints},
        )

    def to_strings(self) -> dict[str, str]:
        """MCAP metadata: every value as JSON text."""
        return {key: json.dumps(value) for key, value in asdict(self).items()}

    @classmethod
    def from_strings(cls, strings: dict[str, str], source: str) -> "EpisodeHeader":
        """The inverse of `to_strings`; raises DataError naming what is missing or wrong."""
        names = [f.name for f in fields(cls)]
        strings = {"joint_offset_rad": "{}", "joint_units": "{}"} | strings
        missing = [n for n in names if n not in strings]
        if missing:
            raise DataError(f"{source}: the header lacks {', '.join(missing)}")
        values = {n: parse_json(strings[n], f"{source}: header: {n}") for n in names}
        if values["format"] not in FORMATS:
            raise DataError(
                f"{source}: episode format {shown(values['format'])}, this version reads "
                f"{' and '.join(map(str, FORMATS))}"
            )
        table = TomlTable(values, f"{source}: header", error=DataError)
        actions = table.tables("actions")
        return cls(
            robot=table.text("robot"),
            fingerprint=table.text("fingerprint"),
            columns=table.names("columns"),
            joints=table.names("joints"),
            actions=tuple(read_action(action) for action in actions),
            rate_hz=table.number("rate_hz", 1e-3, 1e6, "Hz"),
            kind=table.text("kind"),
            created=str(values["created"]),
            lineage=table.table("lineage").raw(),
            extra=table.table("extra").raw(),
            joint_offset_rad=_offsets(table.table("joint_offset_rad")),
            joint_units=_units(table.table("joint_units")),
            format=values["format"],
        )


def _offsets(table: TomlTable) -> dict[str, float]:
    return {joint: table.number(joint, -1e6, 1e6, "rad") for joint in table.keys()}  # noqa: SIM118


def _units(table: TomlTable) -> dict[str, str]:
    return {joint: table.text(joint, ("rad", "m")) for joint in table.keys()}  # noqa: SIM118


def read_action(table: TomlTable) -> dict[str, Any]:
    """An actuator as headers and controllers name it: {name, unit, limit}."""
    limit = table.number("limit", 0, 1e9)
    return table.raw() | {"name": table.text("name"), "unit": table.text("unit"), "limit": limit}
