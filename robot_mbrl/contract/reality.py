"""Reality: a particular machine the simulator does not know; read from a TOML file.

Parameters use the vocabulary of `parameters.py`; effects are what training simulators leave out.
The page for people who write such files is `robots/reality.md`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters import parameter_limits, read_values
from robot_mbrl.contract.spec import RobotSpec
from robot_mbrl.contract.table import Table, read_toml

FOLDER = "realities"


@dataclass(frozen=True)
class JointEffects:
    """What a joint does beyond viscous damping and Coulomb friction.

    Attributes:
        static_friction_nm: extra friction torque at standstill, N m; fades with speed (Stribeck).
        stribeck_velocity_rad_s: speed at which a share 1/e of it is left.
        cogging_nm: amplitude of the cogging torque.
        cogging_periods_per_rev: cogging periods in one revolution of the joint.
        cogging_phase_rad: torque is -cogging_nm sin(periods q + phase).
        backlash_rad: play between joint and encoder, full width.
        encoder_offset_rad: true angle at which the encoder shows 0.
    """

    static_friction_nm: float = 0.0
    stribeck_velocity_rad_s: float = 0.5
    cogging_nm: float = 0.0
    cogging_periods_per_rev: int = 1
    cogging_phase_rad: float = 0.0
    backlash_rad: float = 0.0
    encoder_offset_rad: float = 0.0


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
        parameters: every parameter of the robot, nominal where the file is silent.
        seed: of everything random in this machine.
        latency_jitter_ms: command latency is uniform within +- this.
        lost_frames: probability that a frame is lost, in either direction.
        joints: effects of the joints that have any.
    """

    name: str
    parameters: dict[str, float]
    seed: int = 0
    latency_jitter_ms: float = 0.0
    lost_frames: float = 0.0
    joints: dict[str, JointEffects] = field(default_factory=dict)
    payloads: tuple[Payload, ...] = ()
    changes: tuple[Change, ...] = ()

    def effects(self, joint: str) -> JointEffects:
        """Effects of a joint, none if the file names none."""
        return self.joints.get(joint, JointEffects())

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
    joints = effects.table("joints", optional=True)
    reality = Reality(
        name=name,
        parameters=spec.nominal
        | read_values(root.table("parameters", optional=True), spec.nominal),
        seed=root.integer("seed", 0, 2**32 - 1, default=0),
        latency_jitter_ms=effects.number("latency_jitter_ms", 0, 100, "ms", default=0.0),
        lost_frames=effects.number("lost_frames", 0, 1, default=0.0),
        joints={j.name: _joint(joints.table(j.name)) for j in spec.joints if joints.has(j.name)},
        payloads=tuple(_payload(t, spec) for t in _optional_tables(root, "payload")),
        changes=tuple(_change(t, spec) for t in _optional_tables(root, "change")),
    )
    root.text("description", default="-")
    joints.finish()
    effects.finish()
    root.finish()
    return reality


def _optional_tables(root: Table, key: str) -> list[Table]:
    return root.tables(key) if root.has(key) else []


def _joint(t: Table) -> JointEffects:
    effects = JointEffects(
        static_friction_nm=t.number("static_friction_nm", 0, 100, "N m", default=0.0),
        stribeck_velocity_rad_s=t.number(
            "stribeck_velocity_rad_s", 1e-3, 100, "rad/s", default=0.5
        ),
        cogging_nm=t.number("cogging_nm", 0, 100, "N m", default=0.0),
        cogging_periods_per_rev=t.integer("cogging_periods_per_rev", 1, 10_000, default=1),
        cogging_phase_rad=t.number("cogging_phase_rad", -7, 7, "rad", default=0.0),
        backlash_rad=t.number("backlash_rad", 0, 1, "rad", default=0.0),
        encoder_offset_rad=t.number("encoder_offset_rad", -100, 100, "rad", default=0.0),
    )
    t.finish()
    return effects


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
