"""The header of an episode: robot, columns, rate and origin, before its first tick."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.errors import DataError, SettingsError

FORMAT = 1
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
        )

    def to_strings(self) -> dict[str, str]:
        """MCAP metadata: every value as JSON text."""
        return {key: json.dumps(value) for key, value in asdict(self).items()}

    @classmethod
    def from_strings(cls, strings: dict[str, str], source: str) -> "EpisodeHeader":
        """The inverse of `to_strings`; raises DataError."""
        names = [f.name for f in fields(cls)]
        strings = {"joint_offset_rad": "{}"} | strings
        missing = [n for n in names if n not in strings]
        if missing:
            raise DataError(f"{source}: the header lacks {', '.join(missing)}")
        try:
            values = {n: json.loads(strings[n]) for n in names}
        except ValueError as error:
            raise DataError(f"{source}: the header is not valid JSON ({error})") from error
        if values["format"] != FORMAT:
            raise DataError(
                f"{source}: episode format {values['format']!r}, this version reads {FORMAT}"
            )
        for name in ("columns", "joints", "actions"):
            values[name] = tuple(values[name])
        return cls(**values)
