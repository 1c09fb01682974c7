"""Reading a robot's folder: robot.toml, validated against its URDF."""

import math
from dataclasses import replace
from pathlib import Path

from robot_mbrl.contract.description.read_randomization import read_randomization
from robot_mbrl.contract.description.spec import (
    COMMAND_UNITS,
    ActuatorSpec,
    ControlSpec,
    HomeSpec,
    JointSpec,
    LinkSpec,
    MotorSpec,
    RobotSpec,
    SafetySpec,
    SensorSpec,
    TaskSpec,
)
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters.read_values import read_values
from robot_mbrl.contract.toml_table import Table, read_toml
from robot_mbrl.contract.urdf.tree import read_urdf

BUILT_IN = Path(__file__).parents[2] / "robots"
SERVO_COMMANDS = ("position", "velocity")
INFINITE_RAD = 1e9


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
    possible = spec.possible_effects
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
