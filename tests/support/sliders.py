"""One block on one rail, to be compared with closed forms, or with a wheel of as much inertia."""

import copy
from pathlib import Path
from typing import Any

from robot_mbrl.contract import RobotSpec, load_robot
from tests.support.robots import furuta_toml, quiet, write_robot

MASS_KG = 0.5
SERVO = {"stiffness_n_m": 200.0, "damping_n_s_m": 8.0, "force_limit_n": 20.0, "added_mass_kg": 0.1}
MOTORS: dict[str, dict[str, Any]] = {
    "force": {"limit_N": 5.0, "direct": {"added_mass_kg": 0.1}},
    "current": {
        "limit_A": 2.0,
        "direct": {
            "torque_constant_nm_a": 0.02,
            "gear_ratio_rad_m": 100.0,
            "rotor_inertia_kg_m2": 1e-5,
        },
    },
    "voltage": {
        "limit_V": 6.0,
        "dc_motor": {
            "resistance_ohm": 2.0,
            "torque_constant_nm_a": 0.02,
            "gear_ratio_rad_m": 100.0,
            "rotor_inertia_kg_m2": 1e-5,
        },
    },
    "position": {"limit_m": 0.4, "servo": SERVO},
    "velocity": {
        "limit_m_s": 0.5,
        "servo": {k: v for k, v in SERVO.items() if k != "stiffness_n_m"},
    },
}


def slider_toml(command: str = "force") -> dict[str, Any]:
    """robot.toml of the block as plain values, to be edited: `command` as in MOTORS."""
    toml = quiet(furuta_toml())
    toml["robot"] |= {"name": "block", "urdf": "block.urdf"}
    toml["control"] |= {"physics_rate_hz": 1000.0, "action_history": 1, "observation_history": 1}
    toml["joint"] = [
        {
            "name": "block",
            "encoder_counts_per_m": 2**30,
            "position_limit_m": [-5.0, 5.0],
            "velocity_limit_m_s": 20.0,
            "velocity_filter_hz": 50.0,
        }
    ]
    motor = copy.deepcopy(MOTORS[command])
    toml["actuator"] = [{"name": "motor", "joint": "block", "command": command} | motor]
    toml["safety"] |= {"soft_limit_margin_m": 0.01}
    del toml["safety"]["soft_limit_margin_rad"]
    toml["home"] = {
        "slide_position_gain": 5.0,
        "slide_velocity_gain": 3.0,
        "position_tolerance_m": 0.01,
        "velocity_tolerance_m_s": 0.02,
        "timeout_s": 20.0,
    }
    toml["task"] = {
        "name": "reach_pose",
        "parameters": {"tolerance_m": 0.01, "target_m": {"block": 0.2}},
    }
    return toml


def block_urdf(axis: str = "1 0 0", damping: float = 0.0, friction: float = 0.0) -> str:
    """A block of MASS_KG that slides by 5 m either way."""
    return f"""<robot name="block"><link name="rail"/><link name="block"><inertial>
    <mass value="{MASS_KG}"/><inertia ixx="1e-3" iyy="1e-3" izz="1e-3" ixy="0" ixz="0" iyz="0"/>
    </inertial></link>
    <joint name="block" type="prismatic"><parent link="rail"/><child link="block"/>
    <axis xyz="{axis}"/><limit lower="-5" upper="5" effort="20" velocity="20"/>
    <dynamics damping="{damping}" friction="{friction}"/></joint></robot>"""


def one_slider(
    folder: Path,
    command: str = "force",
    *,
    edit: dict[str, Any] | None = None,
    axis: str = "1 0 0",
    damping: float = 0.0,
    friction: float = 0.0,
) -> RobotSpec:
    """The block on its rail."""
    toml = slider_toml(command) | (edit or {})
    return load_robot(write_robot(folder, toml, block_urdf(axis, damping, friction)))
