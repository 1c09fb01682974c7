"""Robots made for tests: the furuta's robot.toml, edited, and machines with closed-form motion."""

import copy
import json
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN

WHEEL = """<mass value="0.1"/>
<inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/>"""
FURUTA_URDF = (BUILT_IN / "furuta" / "furuta.urdf").read_text(encoding="utf-8")


def furuta_toml() -> dict[str, Any]:
    """The furuta's robot.toml as plain values, to be edited."""
    return tomllib.loads((BUILT_IN / "furuta" / "robot.toml").read_text(encoding="utf-8"))


def put(toml: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set a dotted path; numbers index arrays; the value `...` deletes."""
    toml = copy.deepcopy(toml)
    at: Any = toml
    *head, last = [int(k) if k.isdigit() else k for k in path.split(".")]
    for key in head:
        at = at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return toml


def dump(value: Any) -> str:
    """TOML text of plain values, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value)


def write_robot(folder: Path, toml: dict[str, Any], urdf: str = FURUTA_URDF) -> Path:
    """A robot folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / toml["robot"]["urdf"]).write_text(urdf, encoding="utf-8")
    text = "\n".join(f"{k} = {dump(v)}" for k, v in toml.items())
    (folder / "robot.toml").write_text(text, encoding="utf-8")
    return folder


def quiet(toml: dict[str, Any]) -> dict[str, Any]:
    """Without latency, noise, randomization; encoders fine enough to read the truth."""
    toml["sensor"] = {"latency_ms": 0.0, "noise_counts": 0.0}
    toml["randomization"] = {}
    for actuator in toml["actuator"]:
        actuator["latency_ms"] = 0.0
    for joint in toml["joint"]:
        joint["encoder_counts_per_rev"] = 2**30
    return toml


def furuta_with(folder: Path, effects: dict[str, Any], rate_hz: float = 1000) -> RobotSpec:
    """The furuta, quiet but for some effects, integrated at `rate_hz`."""
    toml = quiet(furuta_toml())
    toml["effects"], toml["control"]["physics_rate_hz"] = effects, rate_hz
    return load_robot(write_robot(folder, toml))


def one_joint(
    folder: Path,
    *,
    inertia: str = WHEEL,
    axis: str = "0 0 1",
    damping: float = 0.0,
    friction: float = 0.0,
    command: str = "voltage",
    gear: float = 1.0,
    rotor: float = 0.0,
    physics_rate_hz: float = 1000.0,
    noise_counts: float = 0.0,
    counts: int = 2**30,
    edit: dict[str, Any] | None = None,
) -> RobotSpec:
    """One link on one axle at the world, one motor; `inertia` is the inside of its <inertial>."""
    toml = quiet(furuta_toml())
    toml["robot"]["urdf"] = "one.urdf"
    toml["control"] |= {"physics_rate_hz": physics_rate_hz, "observation_history": 1}
    toml["joint"] = [toml["joint"][1] | {"name": "pendulum", "encoder_counts_per_rev": counts}]
    motor = toml["actuator"][0] | {"joint": "pendulum", "command": command}
    limit, constants = motor.pop("limit_V"), motor.pop("dc_motor")
    motor[{"voltage": "limit_V", "current": "limit_A", "torque": "limit_Nm"}[command]] = limit
    constants |= {"gear_ratio": gear, "rotor_inertia_kg_m2": rotor}
    motor["dc_motor" if command == "voltage" else "direct"] = constants
    toml["actuator"] = [motor]
    toml["sensor"]["noise_counts"] = noise_counts
    toml["task"] = {"name": "pendulum_swing_up"}
    urdf = f"""<robot name="one"><link name="base"/>
    <link name="body"><inertial>{inertia}</inertial></link>
    <joint name="pendulum" type="continuous"><parent link="base"/><child link="body"/>
    <axis xyz="{axis}"/><dynamics damping="{damping}" friction="{friction}"/></joint></robot>"""
    return load_robot(write_robot(folder, toml | (edit or {}), urdf))


def toy_layout(**changes: Any) -> ObservationLayout:
    """One sliding and one turning joint, two motors, unequal filters: every size differs."""
    values: dict[str, Any] = {
        "joints": ("arm", "pendulum", "wrist"),
        "wraps": (False, True, True),
        "actuators": ("motor", "fan"),
        "dt": 0.02,
        "alpha": (0.7, 0.4, 1.0),
        "action_history": 1,
        "observation_history": 1,
    }
    return ObservationLayout(**(values | changes))


def walk(layout: ObservationLayout, rng: np.random.Generator, ticks: int) -> np.ndarray:
    """Positions (ticks, J) of a smooth random motion."""
    steps = 0.05 * rng.standard_normal((ticks, len(layout.joints)))
    return np.cumsum(np.cumsum(steps, 0) * 0.1, 0)
