"""RobotSpec: everything that is known about a robot, read from its folder (robot.toml and a
URDF)."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from robot_mbrl.contract.description.calibration import calibrated
from robot_mbrl.contract.description.read_randomization import read_randomization
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters.effects import possible_effects
from robot_mbrl.contract.parameters.variation import Variation
from robot_mbrl.contract.parameters.vocabulary import nominal_parameters, read_values
from robot_mbrl.contract.toml_table import Table, read_toml
from robot_mbrl.contract.urdf.tree import read_urdf

BUILT_IN = Path(__file__).parents[2] / "robots"
COMMAND_UNITS = {
    "voltage": "V",
    "current": "A",
    "torque": "Nm",
    "velocity": "rad_s",
    "position": "rad",
}
SERVO_COMMANDS = ("position", "velocity")
INFINITE_RAD = 1e9


@dataclass(frozen=True)
class ControlSpec:
    """Rates and what the observation remembers.

    Attributes:
        rate_hz: control ticks per second.
        physics_rate_hz: integration steps per second, a multiple of `rate_hz`.
        action_history: number of past applied actions in the observation.
        observation_history: number of earlier measurements in the observation.
    """

    rate_hz: float
    physics_rate_hz: float
    action_history: int
    observation_history: int

    @property
    def dt(self) -> float:
        """Control period in s."""
        return 1.0 / self.rate_hz

    @property
    def substeps(self) -> int:
        """Physics steps in a control period."""
        return round(self.physics_rate_hz / self.rate_hz)


@dataclass(frozen=True)
class JointSpec:
    """A measured joint; see `robot.toml` for the meaning of each key."""

    name: str
    wraps: bool
    encoder_counts_per_rev: int
    position_limit_rad: tuple[float, float]
    velocity_limit_rad_s: float
    velocity_filter_hz: float
    home_rad: float = 0.0

    @property
    def rad_per_count(self) -> float:
        """Angle of one encoder count."""
        return 2.0 * math.pi / self.encoder_counts_per_rev


@dataclass(frozen=True)
class MotorSpec:
    """What lies between a command and the joint torque.

    kind "dc_motor": tau = gear kt i with R i + L di/dt = V - gear kt w, the voltage-driven motor;
    without inductance i = (V - gear kt w) / R.
    kind "direct": the drive closes its own loop, tau = command (torque) or kt gear command
    (current).
    kind "servo": the drive closes a loop around the joint, tau = clip(stiffness (command - q) -
    damping w, +-torque_limit) for a position, clip(damping (command - w), +-torque_limit) for a
    velocity, less torque_limit w / no_load_speed, the back-EMF of the motor inside. All at the
    joint, behind the gear.
    """

    kind: str
    resistance_ohm: float
    torque_constant_nm_a: float
    gear_ratio: float
    rotor_inertia_kg_m2: float
    stiffness_nm_rad: float = 0.0
    damping_nm_s_rad: float = 0.0
    torque_limit_nm: float = math.inf
    no_load_speed_rad_s: float = math.inf
    inductance_h: float = 0.0


@dataclass(frozen=True)
class ActuatorSpec:
    """A motor: its joint, what it is commanded in, how far, and its model."""

    name: str
    joint: str
    command: str
    limit: float
    latency_ms: float
    motor: MotorSpec
    command_speed_rad_s: float = math.inf
    """a position command moves no faster than this towards what is asked"""

    @property
    def unit(self) -> str:
        """Physical unit of the command."""
        return COMMAND_UNITS[self.command]


@dataclass(frozen=True)
class SensorSpec:
    """Nominal age and noise of the joint measurements."""

    latency_ms: float
    noise_counts: float


@dataclass(frozen=True)
class LinkSpec:
    """The wire to the robot."""

    protocol: str
    baudrate: int
    reply_timeout_ms: float


@dataclass(frozen=True)
class SafetySpec:
    """Limits of the supervisor, see `onboard/safety.py` for how each is used."""

    soft_limit_margin_rad: float
    coast_ticks: int
    hold_ticks: int
    ramp_s: float
    watchdog_ms: float
    deadline_ms: float
    deadline_misses: int
    max_temperature_c: float
    false_stops_per_hour: float


@dataclass(frozen=True)
class HomeSpec:
    """How the robot comes back to its start: a weak PD on each actuated joint until all joints
    rest."""

    position_gain: float
    velocity_gain: float
    position_tolerance_rad: float
    velocity_tolerance_rad_s: float
    timeout_s: float


@dataclass(frozen=True)
class TaskSpec:
    """Name of the task (built in, or "module:Class") and its parameters; for a task with another
    goal in each episode also the names of its numbers, which end every observation, and the link
    whose origin is the tip."""

    name: str
    parameters: dict[str, float | dict[str, float]]
    goal: tuple[str, ...] = ()
    tip: str = "tip"


@dataclass(frozen=True)
class RobotSpec:
    """One robot. `folder` is where robot.toml was read; `effects` holds what [effects] names or
    [randomization] varies of `contract.effects`, by path."""

    name: str
    description: str
    folder: Path
    urdf: Path
    links: tuple[str, ...]
    control: ControlSpec
    joints: tuple[JointSpec, ...]
    actuators: tuple[ActuatorSpec, ...]
    sensor: SensorSpec
    link: LinkSpec
    safety: SafetySpec
    home: HomeSpec
    task: TaskSpec
    randomization: dict[str, Variation]
    joint_offset_rad: tuple[float, ...] = ()
    calibration: dict[str, Any] = field(default_factory=dict)
    effects: dict[str, float] = field(default_factory=dict)

    def joint_index(self, name: str) -> int:
        """Column of a joint in q."""
        return [j.name for j in self.joints].index(name)

    @property
    def actuated(self) -> tuple[int, ...]:
        """Joint column of each actuator."""
        return tuple(self.joint_index(a.joint) for a in self.actuators)

    @property
    def nominal(self) -> dict[str, float]:
        """Nominal value of every physical parameter."""
        return nominal_parameters(self)

    def with_calibration(self, calibration: dict[str, Any]) -> "RobotSpec":
        """The same with measured joint offsets, randomized around what was identified; see
        `calibration.py` for its form. Raises CalibrationError."""
        return calibrated(self, calibration)

    @property
    def fingerprint(self) -> str:
        """Hash of all that a controller relies on: rate, histories, joints, actuators, task; 16 hex
        digits. How finely a simulator integrates is no concern of a controller."""
        control = asdict(self.control)
        del control["physics_rate_hz"]
        joints = [asdict(j) for j in self.joints]
        for joint in joints:  # where a robot starts is no concern of a controller either
            del joint["home_rad"]
        task = asdict(self.task)
        if not self.task.goal:
            del task["goal"], task["tip"]
        relevant = {
            "name": self.name,
            "control": control,
            "joints": joints,
            "actuators": [
                {"name": a.name, "joint": a.joint, "command": a.command, "limit": a.limit}
                | ({"speed": a.command_speed_rad_s} if a.command_speed_rad_s < math.inf else {})
                for a in self.actuators
            ],
            "task": task,
        }
        if self.task.goal:  # a goal lies in space, and what is there depends on the links
            relevant["places"] = [
                [j.parent, j.child, j.origin_m.tolist(), j.rotation.tolist(), j.axis.tolist()]
                for j in read_urdf(self.urdf).joints
            ]
        text = json.dumps(relevant, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_robot(robot: str | Path) -> RobotSpec:
    """Read a robot by built-in name ("furuta") or by folder; raises SpecError."""
    folder = BUILT_IN / robot if isinstance(robot, str) and "/" not in robot else Path(robot)
    if not (folder / "robot.toml").is_file() and not Path(robot, "robot.toml").is_file():
        names = sorted(p.parent.name for p in BUILT_IN.glob("*/robot.toml"))
        raise SpecError(
            f"robot {str(robot)!r}: no such folder with a robot.toml; built in: {names}"
        )
    folder = folder if (folder / "robot.toml").is_file() else Path(robot)
    return parse_robot(read_toml(folder / "robot.toml"), folder)


def parse_robot(root: Table, folder: Path) -> RobotSpec:
    """Validate a parsed robot.toml against its URDF."""
    head = root.table("robot")
    urdf = folder / head.text("urdf")
    name, description = head.text("name"), head.text("description")
    head.finish()
    turning = read_urdf(urdf).turning
    links, movable = tuple(j.child for j in turning), tuple(j.name for j in turning)
    joints = tuple(_joint(t) for t in _distinct(root.tables("joint")))
    for joint in joints:
        if joint.name not in movable:
            raise SpecError(
                f"{root.source}: joint {joint.name!r} is not a movable joint of {urdf}; "
                f"it has: {', '.join(movable) or 'none'}"
            )
    missing = [m for m in movable if m not in [j.name for j in joints]]
    if missing:
        raise SpecError(
            f"{root.source}: joint: {urdf} has movable joints without a [[joint]]: {missing}"
        )
    actuators = tuple(
        _actuator(t, [j.name for j in joints]) for t in _distinct(root.tables("actuator"))
    )
    sensor = root.table("sensor", optional=True)
    task = root.table("task")
    task_name = task.text("name")
    values, goal = _task_parameters(task.table("parameters", optional=True)), task.names("goal")
    tip = task.text("tip", default="tip")
    task.finish()
    spec = RobotSpec(
        name=name,
        description=description,
        folder=folder,
        urdf=urdf,
        links=links,
        control=_control(root.table("control")),
        joints=joints,
        actuators=actuators,
        sensor=SensorSpec(
            sensor.number("latency_ms", 0, 100, "ms", default=0.0),
            sensor.number("noise_counts", 0, 100, "counts", default=0.0),
        ),
        link=_link(root.table("link")),
        safety=_safety(root.table("safety")),
        home=_home(root.table("home")),
        task=TaskSpec(task_name, values, goal, tip),
        randomization={},
        joint_offset_rad=(0.0,) * len(joints),
    )
    sensor.finish()
    if not spec.control.action_history and any(a.command_speed_rad_s < math.inf for a in actuators):
        raise root.table("control").fail(
            "action_history", "at least 1, as a command_speed_rad_s starts from the last action"
        )
    possible = possible_effects(spec)
    effects = read_values(root.table("effects", optional=True), possible)
    able = replace(spec, effects=possible | effects)
    variations = read_randomization(root.table("randomization", optional=True), able)
    root.finish()
    effects = {path: possible[path] for path in variations if path in possible} | effects
    return replace(spec, randomization=variations, effects=effects)


def _task_parameters(t: Table) -> dict[str, float | dict[str, float]]:
    """Numbers, or tables of numbers such as one per joint."""
    return {
        key: {k: t.table(key).number(k, -1e6, 1e6) for k in t.table(key).keys()}  # noqa: SIM118
        if t.is_table(key)
        else t.number(key, -1e6, 1e6)
        for key in t.keys()  # noqa: SIM118
    }


def _distinct(tables: list[Table]) -> list[Table]:
    """The tables, whose names must all differ: columns and parameters are told apart by them."""
    seen: set[str] = set()
    for t in tables:
        if t.text("name") in seen:
            raise t.fail("name", "a name that is not used before")
        seen.add(t.text("name"))
    return tables


def _control(t: Table) -> ControlSpec:
    spec = ControlSpec(
        rate_hz=t.number("rate_hz", 1, 1000, "Hz"),
        physics_rate_hz=t.number("physics_rate_hz", 1, 100_000, "Hz"),
        action_history=t.integer("action_history", 0, 100),
        observation_history=t.integer("observation_history", 0, 100),
    )
    ratio = spec.physics_rate_hz / spec.rate_hz
    if ratio < 1 or abs(ratio - round(ratio)) > 1e-9:
        raise t.fail("physics_rate_hz", f"a multiple of rate_hz ({spec.rate_hz:g} Hz)")
    t.finish()
    return spec


def _joint(t: Table) -> JointSpec:
    unlimited = (-INFINITE_RAD, INFINITE_RAD)
    spec = JointSpec(
        name=t.text("name"),
        wraps=t.flag("wraps"),
        encoder_counts_per_rev=t.integer("encoder_counts_per_rev", 4, 2**30),
        position_limit_rad=t.interval(
            "position_limit_rad", -INFINITE_RAD, INFINITE_RAD, "rad", default=unlimited
        ),
        velocity_limit_rad_s=t.number("velocity_limit_rad_s", 1e-3, 1e4, "rad/s"),
        velocity_filter_hz=t.number("velocity_filter_hz", 0.1, 1e5, "Hz"),
        home_rad=t.number("home_rad", -100, 100, "rad", default=0.0),
    )
    low, high = spec.position_limit_rad
    if not low <= spec.home_rad <= high:
        raise t.fail(
            "home_rad", f"an angle within position_limit_rad, {low:g} to {high:g} rad (default 0)"
        )
    t.finish()
    return spec


def _actuator(t: Table, joints: list[str]) -> ActuatorSpec:
    command = t.text("command", tuple(COMMAND_UNITS))
    motor = _servo(t, command) if command in SERVO_COMMANDS else _motor(t, command)
    spec = ActuatorSpec(
        name=t.text("name"),
        joint=t.text("joint", joints),
        command=command,
        limit=t.number(f"limit_{COMMAND_UNITS[command]}", 1e-6, 1e6, COMMAND_UNITS[command]),
        latency_ms=t.number("latency_ms", 0, 100, "ms", default=0.0),
        motor=motor,
        command_speed_rad_s=t.number("command_speed_rad_s", 1e-3, 1e4, "rad/s")
        if t.has("command_speed_rad_s") and command == "position"
        else math.inf,
    )
    t.finish()
    return spec


def _motor(t: Table, command: str) -> MotorSpec:
    kind = "dc_motor" if command == "voltage" else "direct"
    model = t.table(kind)
    motor = MotorSpec(
        kind=kind,
        resistance_ohm=model.number("resistance_ohm", 1e-3, 1e4, "ohm", default=1.0)
        if kind == "direct"
        else model.number("resistance_ohm", 1e-3, 1e4, "ohm"),
        torque_constant_nm_a=model.number("torque_constant_nm_a", 1e-5, 1e3, "N m/A")
        if command in ("voltage", "current")
        else model.number("torque_constant_nm_a", 1e-5, 1e3, "N m/A", default=1.0),
        gear_ratio=model.number("gear_ratio", 1e-3, 1e4, default=1.0),
        rotor_inertia_kg_m2=model.number("rotor_inertia_kg_m2", 0, 10, "kg m2"),
        inductance_h=model.number("inductance_h", 0, 10, "H", default=0.0)
        if kind == "dc_motor"
        else 0.0,
    )
    model.finish()
    return motor


def _servo(t: Table, command: str) -> MotorSpec:
    model = t.table("servo")
    motor = MotorSpec(
        kind="servo",
        resistance_ohm=1.0,
        torque_constant_nm_a=1.0,
        gear_ratio=model.number("gear_ratio", 1e-3, 1e4, default=1.0),
        rotor_inertia_kg_m2=model.number("rotor_inertia_kg_m2", 0, 10, "kg m2"),
        stiffness_nm_rad=model.number("stiffness_nm_rad", 1e-6, 1e6, "N m/rad")
        if command == "position"
        else 0.0,
        damping_nm_s_rad=model.number(
            "damping_nm_s_rad", 0 if command == "position" else 1e-9, 1e6, "N m s/rad"
        ),
        torque_limit_nm=model.number("torque_limit_nm", 1e-6, 1e6, "N m"),
        no_load_speed_rad_s=model.number("no_load_speed_rad_s", 1e-3, 1e4, "rad/s")
        if model.has("no_load_speed_rad_s")
        else math.inf,
    )
    model.finish()
    return motor


def _link(t: Table) -> LinkSpec:
    spec = LinkSpec(
        protocol=t.text("protocol", ("mcu",)),
        baudrate=t.integer("baudrate", 1200, 12_000_000),
        reply_timeout_ms=t.number("reply_timeout_ms", 0.1, 1000, "ms"),
    )
    t.finish()
    return spec


def _safety(t: Table) -> SafetySpec:
    spec = SafetySpec(
        soft_limit_margin_rad=t.number("soft_limit_margin_rad", 0, 10, "rad"),
        coast_ticks=t.integer("coast_ticks", 0, 100),
        hold_ticks=t.integer("hold_ticks", 0, 100, default=0),
        ramp_s=t.number("ramp_s", 0, 10, "s"),
        watchdog_ms=t.number("watchdog_ms", 5, 1000, "ms"),
        deadline_ms=t.number("deadline_ms", 0.1, 1000, "ms"),
        deadline_misses=t.integer("deadline_misses", 1, 100),
        max_temperature_c=t.number("max_temperature_c", 0, 200, "degrees C"),
        false_stops_per_hour=t.number("false_stops_per_hour", 1e-6, 100, "1/h"),
    )
    t.finish()
    return spec


def _home(t: Table) -> HomeSpec:
    spec = HomeSpec(
        position_gain=t.number("position_gain", 0, 1e6, "command unit / rad"),
        velocity_gain=t.number("velocity_gain", 0, 1e6, "command unit s / rad"),
        position_tolerance_rad=t.number("position_tolerance_rad", 1e-4, 10, "rad"),
        velocity_tolerance_rad_s=t.number("velocity_tolerance_rad_s", 1e-4, 100, "rad/s"),
        timeout_s=t.number("timeout_s", 0.1, 600, "s"),
    )
    t.finish()
    return spec
