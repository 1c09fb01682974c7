"""Reality: a particular machine the simulator does not know; read from a TOML file.

Parameters and effects use the words of `contract/parameters`. The page for people
who write such files is `robots/reality.md`.
"""

import fnmatch
import logging
from dataclasses import dataclass
from pathlib import Path

from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.toml_table import TomlTable, read_toml
from robot_mbrl.contract.parameters.effects import (
    NOT_OF_THE_MACHINE,
    effect_value,
)
from robot_mbrl.contract.parameters.read_values import read_values
from robot_mbrl.contract.parameters.vocabulary import parameter_limits

FOLDER = "realities"
OF_THE_LINK = ("actuators.*.jitter_ms", "actuators.*.lost_share", "sensors.lost_share")
"""Effects from outside the machine that a reality file may name besides the machine's own."""
COUNT_FAILURES = {
    "drop_replies": (0, 1_000_000),
    "corrupt_replies": (0, 1_000_000),
    "clock_bits": (8, 64),
}
NUMBER_FAILURES = {
    "reply_delay_ms": (0.0, 10_000.0, "ms"),
    "clock_rate": (0.0, 100.0, "s/s"),
    "clock_jump_s": (-1e6, 1e6, "s"),
    "echo_share": (-10.0, 10.0, ""),
}
FLAG_FAILURES = ("freeze_encoders", "dead_encoders", "lose_encoder", "lose_temperature", "reboot")
FAILURES = (*COUNT_FAILURES, *NUMBER_FAILURES, *FLAG_FAILURES)
"""Switches of a `[[fault]]`: so many replies, milliseconds, on or off, the device's clock."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Payload:
    """A point mass that is on a link from `at_s` on, `distance_m` from its joint.

    The default distance, NaN, is twice that of the centre of mass: the end of a uniform rod.
    """

    at_s: float
    link: str
    mass_kg: float
    distance_m: float = float("nan")


@dataclass(frozen=True)
class Change:
    """From `at_s` on the parameter `path` is `scale` times what it was."""

    at_s: float
    path: str
    scale: float


@dataclass(frozen=True)
class Failure:
    """What fails from `at_s` on: switches of a mock device and what they are set to, see FAILURES.

    A switch that is set back, to 0, False or a share of 1, ends the failure.
    """

    at_s: float
    switches: dict[str, int | float | bool]


@dataclass(frozen=True)
class Reality:
    """One machine.

    Attributes:
        name: file name without suffix, "nominal" for the description itself.
        parameters: every parameter of the robot, nominal where the file is silent, and the effects
            that it names.
        seed: of everything random in this machine.
        payloads, changes, failures: what happens to it, in its own time.
    """

    name: str
    parameters: dict[str, float]
    seed: int = 0
    payloads: tuple[Payload, ...] = ()
    changes: tuple[Change, ...] = ()
    failures: tuple[Failure, ...] = ()

    def effect(self, path: str) -> float:
        """An effect's number at power-up, neutral if neither file names it."""
        return effect_value(self.parameters, path)

    def parameters_at(self, time_s: float) -> dict[str, float]:
        """Every parameter after the changes up to `time_s`."""
        values = dict(self.parameters)
        for change in self.changes:
            if change.at_s <= time_s:
                values[change.path] *= change.scale
        return values

    @property
    def event_times_s(self) -> tuple[float, ...]:
        """When a payload or a change comes, ascending."""
        times = {p.at_s for p in self.payloads} | {c.at_s for c in self.changes}
        return tuple(sorted(times))


def nominal_reality(spec: RobotSpec) -> Reality:
    """The machine exactly as described."""
    return Reality("nominal", dict(spec.nominal))


def load_reality(reality: str | Path | None, spec: RobotSpec) -> Reality:
    """Read a reality by path or by a name in the robot's folder `realities`.

    None and "nominal" are the description itself. Raises SpecError.
    """
    if reality is None or str(reality) == "nominal":
        return nominal_reality(spec)
    path = Path(reality)
    if path.suffix != ".toml":
        path = spec.folder / FOLDER / f"{reality}.toml"
    if not path.is_file():
        known = sorted(p.stem for p in (spec.folder / FOLDER).glob("*.toml"))
        raise SpecError(f"reality {str(reality)!r}: no such file {path}; of {spec.name!r}: {known}")
    return parse_reality(read_toml(path), path.stem, spec)


def parse_reality(root: TomlTable, name: str, spec: RobotSpec) -> Reality:
    """Validate a parsed reality file; raises SpecError naming key, value and range."""
    effects = root.table("effects", optional=True)
    reality = Reality(
        name=name,
        parameters=spec.nominal
        | read_values(root.table("parameters", optional=True), spec.nominal)
        | _old_link(effects, spec)
        | _effects(effects, spec),
        seed=root.integer("seed", 0, 2**32 - 1, default=0),
        payloads=tuple(_payload(t, spec) for t in _optional_tables(root, "payload")),
        changes=tuple(_change(t, spec) for t in _optional_tables(root, "change")),
        failures=tuple(_failure(t) for t in _optional_tables(root, "fault")),
    )
    root.text("description", default="-")
    effects.finish()
    root.finish()
    return reality


def _optional_tables(root: TomlTable, key: str) -> list[TomlTable]:
    return root.tables(key) if root.has(key) else []


def _effects(table: TomlTable, spec: RobotSpec) -> dict[str, float]:
    """Those of the machine and of its link; other disturbances have entries of their own."""
    known = {
        path: value
        for path, value in spec.possible_effects.items()
        if path.rsplit(".", 1)[-1] not in NOT_OF_THE_MACHINE
        or any(fnmatch.fnmatch(path, allowed) for allowed in OF_THE_LINK)
    }
    found: dict[str, float] = {}
    for group in sorted({path.split(".")[0] for path in known}):
        found |= read_values(table.table(group, optional=True), known, f"{group}.")
    return found


def _old_link(table: TomlTable, spec: RobotSpec) -> dict[str, float]:
    """What files of before say of the link, in the words of today."""
    found: dict[str, float] = {}
    motors = [f"actuators.{a.name}" for a in spec.actuators]
    if table.has("latency_jitter_ms"):
        jitter_ms = table.number("latency_jitter_ms", 0, 100, "ms")
        found |= {f"{motor}.jitter_ms": jitter_ms for motor in motors}
    if table.has("lost_frames"):
        share = table.number("lost_frames", 0, 1)
        found |= {f"{place}.lost_share": share for place in (*motors, "sensors")}
    if found:
        today = "write " + ", ".join(f"effects.{path} = {value:g}" for path, value in found.items())
        logger.warning("%s: latency_jitter_ms and lost_frames are old; %s", table.source, today)
    return found


def _failure(t: TomlTable) -> Failure:
    at_s = t.number("at_s", 0, 1e6, "s")
    switches: dict[str, int | float | bool] = {}
    for name in FAILURES:
        if not t.has(name):
            continue
        if name in COUNT_FAILURES:
            switches[name] = t.integer(name, *COUNT_FAILURES[name])
        elif name in NUMBER_FAILURES:
            switches[name] = t.number(name, *NUMBER_FAILURES[name])
        else:
            switches[name] = t.flag(name)
    t.finish()
    if not switches:
        raise t.fail("at_s", "something that fails beside it: " + ", ".join(FAILURES))
    return Failure(at_s, switches)


def _payload(t: TomlTable, spec: RobotSpec) -> Payload:
    payload = Payload(
        at_s=t.number("at_s", 0, 1e6, "s"),
        link=t.text("link", spec.links),
        mass_kg=t.number("mass_kg", 0, 1e3, "kg"),
        distance_m=t.number("distance_m", 0, 100, "m") if t.has("distance_m") else float("nan"),
    )
    t.finish()
    return payload


def _change(t: TomlTable, spec: RobotSpec) -> Change:
    changeable = [path for path in spec.nominal if not path.startswith("initial.")]
    change = Change(
        at_s=t.number("at_s", 0, 1e6, "s"),
        path=t.text("path", changeable),
        scale=t.number("scale", *parameter_limits("scale")),
    )
    t.finish()
    return change
