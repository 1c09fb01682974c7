"""Reality: a particular machine the simulator does not know; read from a TOML file.

Parameters use the vocabulary of `parameters.py`, effects that of `effects.py`. The page for people
who write such files is `robots/reality.md`.
"""

from dataclasses import dataclass
from pathlib import Path

from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters.effects import (
    NOT_OF_THE_MACHINE,
    effect_value,
)
from robot_mbrl.contract.parameters.read_values import read_values
from robot_mbrl.contract.parameters.vocabulary import parameter_limits
from robot_mbrl.contract.toml_table import Table, read_toml

FOLDER = "realities"


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
class Reality:
    """One machine.

    Attributes:
        name: file name without suffix, "nominal" for the description itself.
        parameters: every parameter of the robot, nominal where the file is silent, and the effects
            that it names.
        seed: of everything random in this machine.
        latency_jitter_ms: command latency is uniform within +- this.
        lost_frames: probability that a frame is lost, in either direction.
    """

    name: str
    parameters: dict[str, float]
    seed: int = 0
    latency_jitter_ms: float = 0.0
    lost_frames: float = 0.0
    payloads: tuple[Payload, ...] = ()
    changes: tuple[Change, ...] = ()

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


def parse_reality(root: Table, name: str, spec: RobotSpec) -> Reality:
    """Validate a parsed reality file; raises SpecError naming key, value and range."""
    effects = root.table("effects", optional=True)
    reality = Reality(
        name=name,
        parameters=spec.nominal
        | read_values(root.table("parameters", optional=True), spec.nominal)
        | _effects(effects, spec),
        seed=root.integer("seed", 0, 2**32 - 1, default=0),
        latency_jitter_ms=effects.number("latency_jitter_ms", 0, 100, "ms", default=0.0),
        lost_frames=effects.number("lost_frames", 0, 1, default=0.0),
        payloads=tuple(_payload(t, spec) for t in _optional_tables(root, "payload")),
        changes=tuple(_change(t, spec) for t in _optional_tables(root, "change")),
    )
    root.text("description", default="-")
    effects.finish()
    root.finish()
    return reality


def _optional_tables(root: Table, key: str) -> list[Table]:
    return root.tables(key) if root.has(key) else []


def _effects(table: Table, spec: RobotSpec) -> dict[str, float]:
    """Those that a machine has; what disturbs it from outside has entries of its own."""
    known = {
        path: value
        for path, value in spec.possible_effects.items()
        if path.rsplit(".", 1)[-1] not in NOT_OF_THE_MACHINE
    }
    found: dict[str, float] = {}
    for group in sorted({path.split(".")[0] for path in known}):
        found |= read_values(table.table(group, optional=True), known, f"{group}.")
    return found


def _payload(t: Table, spec: RobotSpec) -> Payload:
    payload = Payload(
        at_s=t.number("at_s", 0, 1e6, "s"),
        link=t.text("link", spec.links),
        mass_kg=t.number("mass_kg", 0, 1e3, "kg"),
        distance_m=t.number("distance_m", 0, 100, "m") if t.has("distance_m") else float("nan"),
    )
    t.finish()
    return payload


def _change(t: Table, spec: RobotSpec) -> Change:
    changeable = [path for path in spec.nominal if not path.startswith("initial.")]
    change = Change(
        at_s=t.number("at_s", 0, 1e6, "s"),
        path=t.text("path", changeable),
        scale=t.number("scale", *parameter_limits("scale")),
    )
    t.finish()
    return change
