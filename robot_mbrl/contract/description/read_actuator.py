"""Reading an [[actuator]] of robot.toml: a motor and what lies between command and joint torque."""

import math
from collections.abc import Sequence

from robot_mbrl.contract.description.spec import (
    COMMAND_UNITS,
    SLIDE_COMMAND_UNITS,
    ActuatorSpec,
    JointSpec,
    MotorSpec,
)
from robot_mbrl.contract.files.toml_table import TomlTable

SERVO_COMMANDS = ("position", "velocity")


def read_actuator(t: TomlTable, joints: Sequence[JointSpec]) -> ActuatorSpec:
    """One motor, on one of `joints`. Raises SpecError."""
    joint = t.text("joint", [j.name for j in joints])
    [kind] = [j.kind for j in joints if j.name == joint]
    slides = kind == "slide"
    units = SLIDE_COMMAND_UNITS if slides else COMMAND_UNITS
    command = t.text("command", tuple(units))
    if command in SERVO_COMMANDS:
        motor = (_sliding_servo if slides else _servo)(t, command)
    else:
        motor = _motor(t, command, slides=slides)
    speed, speed_unit = ("command_speed_m_s", "m/s") if slides else ("command_speed_rad_s", "rad/s")
    spec = ActuatorSpec(
        name=t.text("name"),
        joint=joint,
        command=command,
        limit=t.number(f"limit_{units[command]}", 1e-6, 1e6, units[command]),
        latency_ms=t.number("latency_ms", 0, 100, "ms", default=0.0),
        motor=motor,
        command_speed_rad_s=t.number(speed, 1e-3, 1e4, speed_unit)
        if t.has(speed) and command == "position"
        else math.inf,
        kind=kind,
    )
    t.finish()
    return spec


def _motor(t: TomlTable, command: str, *, slides: bool) -> MotorSpec:
    kind = "dc_motor" if command == "voltage" else "direct"
    model = t.table(kind)
    if command == "force":
        mass = model.number("added_mass_kg", 0, 1e4, "kg")
        model.finish()
        return MotorSpec(kind, 1.0, 1.0, 1.0, mass)
    gear = "gear_ratio_rad_m" if slides else "gear_ratio"
    motor = MotorSpec(
        kind=kind,
        resistance_ohm=model.number("resistance_ohm", 1e-3, 1e4, "ohm", default=1.0)
        if kind == "direct"
        else model.number("resistance_ohm", 1e-3, 1e4, "ohm"),
        torque_constant_nm_a=model.number("torque_constant_nm_a", 1e-5, 1e3, "N m/A")
        if command in ("voltage", "current")
        else model.number("torque_constant_nm_a", 1e-5, 1e3, "N m/A", default=1.0),
        gear_ratio=model.number(gear, 1e-3, 1e5, "rad/m")
        if slides
        else model.number(gear, 1e-3, 1e4, default=1.0),
        rotor_inertia_kg_m2=model.number("rotor_inertia_kg_m2", 0, 10, "kg m2"),
        inductance_h=model.number("inductance_h", 0, 10, "H", default=0.0)
        if kind == "dc_motor"
        else 0.0,
    )
    model.finish()
    return motor


def _servo(t: TomlTable, command: str) -> MotorSpec:
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


def _sliding_servo(t: TomlTable, command: str) -> MotorSpec:
    """A servo that closes its loop around a slider: N where others have N m, m for rad."""
    model, position = t.table("servo"), command == "position"
    motor = MotorSpec(
        kind="servo",
        resistance_ohm=1.0,
        torque_constant_nm_a=1.0,
        gear_ratio=1.0,
        rotor_inertia_kg_m2=model.number("added_mass_kg", 0, 1e4, "kg"),
        stiffness_nm_rad=model.number("stiffness_n_m", 1e-6, 1e8, "N/m") if position else 0.0,
        damping_nm_s_rad=model.number("damping_n_s_m", 0 if position else 1e-9, 1e8, "N s/m"),
        torque_limit_nm=model.number("force_limit_n", 1e-6, 1e6, "N"),
        no_load_speed_rad_s=model.number("no_load_speed_m_s", 1e-4, 1e4, "m/s")
        if model.has("no_load_speed_m_s")
        else math.inf,
    )
    model.finish()
    return motor
