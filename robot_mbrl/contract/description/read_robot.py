"""Reading a robot's folder: robot.toml, validated against its URDF."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from robot_mbrl.contract.description.match_urdf import INFINITE_RAD, match_urdf
from robot_mbrl.contract.description.read_actuator import read_actuator
from robot_mbrl.contract.description.read_randomization import read_randomization
from robot_mbrl.contract.description.spec import (
    ControlSpec,
    HomeSpec,
    JointSpec,
    LinkSpec,
    RobotSpec,
    SafetySpec,
    SensorSpec,
    TaskSpec,
)
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.toml_table import TomlTable, read_toml
from robot_mbrl.contract.parameters.read_values import read_values
from robot_mbrl.contract.urdf.tree import Urdf, read_urdf

BUILT_IN = Path(__file__).parents[2] / "robots"


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


def parse_robot(root: TomlTable, folder: Path) -> RobotSpec:
    """Validate a parsed robot.toml against its URDF. Raises SpecError."""
    head = root.table("robot")
    urdf = read_urdf(folder / head.text("urdf"))
    joints = _joints(root, urdf)
    spec = RobotSpec(
        name=head.text("name"),
        description=head.text("description"),
        folder=folder,
        urdf=urdf.path,
        links=tuple(j.child for j in urdf.moving),
        control=_control(root.table("control")),
        joints=joints,
        actuators=tuple(read_actuator(t, joints) for t in _distinct(root.tables("actuator"))),
        sensor=_sensor(root.table("sensor", optional=True)),
        link=_link(root.table("link")),
        safety=_safety(root.table("safety"), joints),
        home=_home(root.table("home"), joints),
        task=_task(root.table("task")),
        randomization={},
        joint_offset_rad=(0.0,) * len(joints),
    )
    head.finish()
    _check_history(spec, root.table("control"))
    spec = _with_effects(spec, root)
    root.finish()
    return spec


def _joints(root: TomlTable, urdf: Urdf) -> tuple[JointSpec, ...]:
    """The joints of the file, which are those that the URDF can move."""
    sliders = {j.name for j in urdf.moving if j.slides}
    joints = [
        _slider(t) if t.text("name") in sliders else _joint(t)
        for t in _distinct(root.tables("joint"))
    ]
    return match_urdf(joints, urdf, root.source)


def _check_history(spec: RobotSpec, control: TomlTable) -> None:
    slow = any(speed < math.inf for speed in spec.command_speeds_rad_s)
    if slow and not spec.control.action_history:
        raise control.fail(
            "action_history", "at least 1, as a position command moves on from the last action"
        )


def _with_effects(spec: RobotSpec, root: TomlTable) -> RobotSpec:
    """The robot with what its [effects] name and its [randomization] varies."""
    possible = spec.possible_effects
    named = read_values(root.table("effects", optional=True), possible)
    able = replace(spec, effects=possible | named)
    variations = read_randomization(root.table("randomization", optional=True), able)
    effects = {path: possible[path] for path in variations if path in possible} | named
    return replace(spec, randomization=variations, effects=effects)


def _task(t: TomlTable) -> TaskSpec:
    parts = t.table("joints", optional=True)
    spec = TaskSpec(
        name=t.text("name"),
        parameters=_task_parameters(t.table("parameters", optional=True)),
        goal=t.names("goal"),
        tip=t.text("tip", default="tip"),
        joints={part: parts.text(part) for part in parts.keys()},  # noqa: SIM118
    )
    t.finish()
    return spec


def _task_parameters(t: TomlTable) -> dict[str, float | dict[str, float]]:
    """Numbers, or tables of numbers such as one per joint."""
    return {
        key: {k: t.table(key).number(k, -1e6, 1e6) for k in t.table(key).keys()}  # noqa: SIM118
        if t.is_table(key)
        else t.number(key, -1e6, 1e6)
        for key in t.keys()  # noqa: SIM118
    }


def _distinct(tables: list[TomlTable]) -> list[TomlTable]:
    """The tables, whose names must all differ: columns and parameters are told apart by them."""
    seen: set[str] = set()
    for t in tables:
        if t.text("name") in seen:
            raise t.fail("name", "a name that is not used before")
        seen.add(t.text("name"))
    return tables


def _control(t: TomlTable) -> ControlSpec:
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


def _joint(t: TomlTable) -> JointSpec:
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
        absolute_encoder=t.flag("absolute_encoder", default=False),
    )
    low, high = spec.position_limit_rad
    if not low <= spec.home_rad <= high:
        raise t.fail(
            "home_rad", f"an angle within position_limit_rad, {low:g} to {high:g} rad (default 0)"
        )
    t.finish()
    return spec


def _slider(t: TomlTable) -> JointSpec:
    """A joint that slides: m where others have rad."""
    unlimited = (-INFINITE_RAD, INFINITE_RAD)
    spec = JointSpec(
        name=t.text("name"),
        wraps=t.flag("wraps", default=False),
        encoder_counts_per_rev=t.integer("encoder_counts_per_m", 4, 2**30),
        position_limit_rad=t.interval("position_limit_m", *unlimited, "m", default=unlimited),
        velocity_limit_rad_s=t.number("velocity_limit_m_s", 1e-4, 1e4, "m/s"),
        velocity_filter_hz=t.number("velocity_filter_hz", 0.1, 1e5, "Hz"),
        home_rad=t.number("home_m", -100, 100, "m", default=0.0),
        absolute_encoder=t.flag("absolute_encoder", default=False),
        kind="slide",
    )
    low, high = spec.position_limit_rad
    if spec.wraps:
        raise t.fail("wraps", "false, as a joint that slides does not come round")
    if not low <= spec.home_rad <= high:
        raise t.fail("home_m", f"a place within position_limit_m, {low:g} to {high:g} m")
    t.finish()
    return spec


def _sensor(t: TomlTable) -> SensorSpec:
    spec = SensorSpec(
        latency_ms=t.number("latency_ms", 0, 100, "ms", default=0.0),
        noise_counts=t.number("noise_counts", 0, 100, "counts", default=0.0),
    )
    t.finish()
    return spec


def _link(t: TomlTable) -> LinkSpec:
    spec = LinkSpec(
        protocol=t.text("protocol"),
        baudrate=t.integer("baudrate", 1200, 12_000_000),
        reply_timeout_ms=t.number("reply_timeout_ms", 0.1, 1000, "ms"),
    )
    t.finish()
    return spec


def _safety(t: TomlTable, joints: Sequence[JointSpec]) -> SafetySpec:
    hinges, sliders = _kinds(joints)
    spec = SafetySpec(
        soft_limit_margin_rad=t.number("soft_limit_margin_rad", 0, 10, "rad") if hinges else 0.0,
        soft_limit_margin_m=t.number("soft_limit_margin_m", 0, 10, "m") if sliders else 0.0,
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


def _home(t: TomlTable, joints: Sequence[JointSpec]) -> HomeSpec:
    hinges, sliders = _kinds(joints)

    def number(key: str, low: float, high: float, unit: str, there: bool) -> float:
        return t.number(key, low, high, unit) if there else 0.0

    def speed(key: str, unit: str) -> float:
        return t.number(key, 1e-3, 100, unit) if t.has(key) else math.inf

    spec = HomeSpec(
        position_gain=number("position_gain", 0, 1e6, "command unit / rad", hinges),
        velocity_gain=number("velocity_gain", 0, 1e6, "command unit s / rad", hinges),
        position_tolerance_rad=number("position_tolerance_rad", 1e-4, 10, "rad", hinges),
        velocity_tolerance_rad_s=number("velocity_tolerance_rad_s", 1e-4, 100, "rad/s", hinges),
        timeout_s=t.number("timeout_s", 0.1, 600, "s"),
        speed_rad_s=speed("speed_rad_s", "rad/s"),
        speed_m_s=speed("speed_m_s", "m/s"),
        joint_gains=_joint_gains(t.table("joints", optional=True), joints),
        slide_position_gain=number("slide_position_gain", 0, 1e6, "command unit / m", sliders),
        slide_velocity_gain=number("slide_velocity_gain", 0, 1e6, "command unit s / m", sliders),
        position_tolerance_m=number("position_tolerance_m", 1e-5, 10, "m", sliders),
        velocity_tolerance_m_s=number("velocity_tolerance_m_s", 1e-5, 100, "m/s", sliders),
    )
    t.finish()
    return spec


def _joint_gains(t: TomlTable, joints: Sequence[JointSpec]) -> dict[str, tuple[float, float]]:
    """[home.joints.NAME]: gains of a joint's own."""
    found = {}
    for joint in joints:
        if t.has(joint.name):
            own = t.table(joint.name)
            found[joint.name] = (
                own.number("position_gain", 0, 1e6, f"command unit / {joint.unit}"),
                own.number("velocity_gain", 0, 1e6, f"command unit s / {joint.unit}"),
            )
            own.finish()
    t.finish()
    return found


def _kinds(joints: Sequence[JointSpec]) -> tuple[bool, bool]:
    """Whether any joint is a hinge, and whether any slides: what needs keys of its own."""
    kinds = {joint.kind for joint in joints}
    return "hinge" in kinds, "slide" in kinds
