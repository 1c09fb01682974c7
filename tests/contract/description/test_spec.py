"""Fingerprints and nominal values."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.errors import SpecError
from tests.support.robots import furuta_toml, put, write_robot

RELEVANT = {
    "robot.name": "twin",
    "control.rate_hz": 25,
    "control.action_history": 5,
    "control.observation_history": 8,
    "joint.1.wraps": False,
    "joint.1.encoder_counts_per_rev": 4096,
    "joint.0.position_limit_rad": [-1.0, 1.0],
    "joint.0.velocity_limit_rad_s": 59.0,
    "joint.1.velocity_filter_hz": 49.0,
    "actuator.0.name": "drive",
    "actuator.0.joint": "pendulum",
    "actuator.0.limit_V": 5.1,
    "task.name": "pendulum_swing_up",
    "task.parameters.arm_limit_rad": 1.8,
}
IRRELEVANT = {
    "control.physics_rate_hz": 500,
    "robot.description": "the same machine",
    "actuator.0.latency_ms": 11.0,
    "actuator.0.dc_motor.resistance_ohm": 8.0,
    "sensor.noise_counts": 0.5,
    "link.baudrate": 115200,
    "safety.coast_ticks": 2,
    "home.position_gain": 1.0,
    "randomization": {},
}


def load_edited(tmp_path: Path, path: str, value: Any) -> RobotSpec:
    toml = put(furuta_toml(), path, value)
    if path == "actuator.0.name":
        toml["randomization"].pop("actuators")
    return load_robot(write_robot(tmp_path, toml))


@pytest.mark.parametrize("path", RELEVANT)
def test_fingerprint_changes_with_what_a_controller_relies_on(path: str, tmp_path: Path) -> None:
    edited = load_edited(tmp_path, path, RELEVANT[path])
    assert edited.fingerprint != load_robot("furuta").fingerprint


@pytest.mark.parametrize("path", IRRELEVANT)
def test_fingerprint_does_not_change_with_the_rest(path: str, tmp_path: Path) -> None:
    edited = load_edited(tmp_path, path, IRRELEVANT[path])
    assert edited.fingerprint == load_robot("furuta").fingerprint
    assert len(edited.fingerprint) == 16


def test_what_a_controller_of_the_arm_relies_on(tmp_path: Path) -> None:
    """Its goal lies in space, so its links count; so does how far a command may move in a tick."""
    folder = Path(shutil.copytree(BUILT_IN / "arm", tmp_path / "arm"))
    arm = load_robot("arm").fingerprint
    assert load_robot(folder).fingerprint == arm
    for file, old, new in (
        ("arm.urdf", '<origin xyz="0 0 0.13"/>', '<origin xyz="0 0 0.14"/>'),
        ("robot.toml", "command_speed_rad_s = 2.0", "command_speed_rad_s = 1.5"),
    ):
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace(old, new))
        assert load_robot(folder).fingerprint != arm
        (folder / file).write_text(text)
    text = (folder / "robot.toml").read_text().replace("action_history = 3", "action_history = 0")
    (folder / "robot.toml").write_text(text)
    with pytest.raises(SpecError, match=r"control\.action_history: expected at least 1"):
        load_robot(folder)


def test_nominal_absolute_values_are_the_robots_own(tmp_path: Path) -> None:
    toml = furuta_toml()
    toml["actuator"][0]["latency_ms"] = 17.0
    toml["sensor"] = {"latency_ms": 3.0, "noise_counts": 0.7}
    nominal = load_robot(write_robot(tmp_path, toml)).nominal
    assert nominal["actuators.motor.latency_ms"] == 17.0
    assert nominal["sensors.latency_ms"] == 3.0
    assert nominal["sensors.noise_counts"] == 0.7
    assert nominal["links.pendulum.length"] == 1.0


def test_a_drive_with_its_own_current_loop_has_no_resistance_to_vary() -> None:
    paths = [p for p in load_robot("simple_pendulum").nominal if p.startswith("actuators.")]
    assert [p.rsplit(".", 1)[-1] for p in paths] == ["torque_constant", "supply", "latency_ms"]


@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [
        ("furuta", "a4a283ec096b3768"),
        ("simple_pendulum", "3f045917810a04ba"),
        ("arm", "8e3a44df20ae4de1"),
        ("cart_pole", "70c7d896122fd9b7"),
    ],
)
def test_controllers_of_before_still_fit_the_built_in_robots(name: str, fingerprint: str) -> None:
    """Another fingerprint makes every run folder, controller and episode of the robot foreign."""
    assert load_robot(name).fingerprint == fingerprint


def arm_without_its_speeds(folder: Path, *, speed: str = "", velocity: str = "15.0") -> RobotSpec:
    """The arm, its command speeds replaced by `speed`."""
    copy = Path(shutil.copytree(BUILT_IN / "arm", folder / "arm"))
    lines = (copy / "robot.toml").read_text().splitlines()
    text = "\n".join(speed if "command_speed_rad_s" in line else line for line in lines)
    text = text.replace("velocity_limit_rad_s = 15.0", f"velocity_limit_rad_s = {velocity}")
    (copy / "robot.toml").write_text(text)
    return load_robot(copy)


@pytest.mark.parametrize(
    ("velocity", "expected"),
    [("6.0", 1.2), ("1000.0", 2.0)],  # a fifth of the joint's limit; never a jump by a placeholder
)
def test_a_position_command_without_a_speed_has_one(
    velocity: str, expected: float, tmp_path: Path
) -> None:
    arm = arm_without_its_speeds(tmp_path, velocity=velocity)
    assert arm.command_speeds_rad_s == pytest.approx([expected] * 5)
    layout = ObservationLayout.from_spec(arm)  # simulators move commands by this
    assert layout.slewed
    assert layout.action_step == pytest.approx([expected * 0.02 / a.limit for a in arm.actuators])


def test_only_position_commands_have_a_speed_and_a_stated_one_holds(tmp_path: Path) -> None:
    assert load_robot("furuta").command_speeds_rad_s == (math.inf,)
    stated = arm_without_its_speeds(tmp_path, speed="command_speed_rad_s = 7.5")
    assert stated.command_speeds_rad_s == (7.5,) * 5
    assert load_robot("arm").command_speeds_rad_s == (2.0,) * 5
