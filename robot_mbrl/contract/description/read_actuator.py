"""Reading an [[actuator]] of robot.toml: a motor and what lies between command and joint torque."""

import math
from collections.abc import Sequence

from robot_mbrl.contract.description.spec import COMMAND_UNITS, ActuatorSpec, MotorSpec
from robot_mbrl.contract.files.toml_table import TomlTable

SERVO_COMMANDS = ("position", "velocity")


def read_actuator(t: TomlTable, joints: Sequence[str]) -> ActuatorSpec:
    """One motor, on one of `joints`. Raises SpecError."""
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


def _motor(t: TomlTable, command: str) -> MotorSpec:
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
