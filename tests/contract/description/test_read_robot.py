"""Robot folders: the built-in ones load, broken ones say what is wrong."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.errors import SpecError
from tests.support.robots import FURUTA_URDF, furuta_toml, put, write_robot

BUILT_IN_NAMES = sorted(p.parent.name for p in BUILT_IN.glob("*/robot.toml"))


def test_both_robots_are_built_in() -> None:
    assert {"furuta", "simple_pendulum"} <= set(BUILT_IN_NAMES)


@pytest.mark.parametrize("name", BUILT_IN_NAMES)
def test_built_in_robot_loads_by_name_and_by_folder(name: str) -> None:
    spec = load_robot(name)
    assert spec.name == name
    assert load_robot(BUILT_IN / name) == spec
    assert load_robot(str(BUILT_IN / name)) == spec
    assert spec.control.dt * spec.control.rate_hz == pytest.approx(1.0)
    assert spec.control.substeps == 5
    for path, variation in spec.randomization.items():
        assert variation.low <= spec.nominal[path] <= variation.high, path


def test_furuta_is_the_qube(furuta: RobotSpec) -> None:
    assert furuta.links == ("arm", "pendulum")
    assert furuta.actuated == (0,)
    assert furuta.joints[1].rad_per_count == pytest.approx(2 * math.pi / 2048)
    assert np.rad2deg(furuta.joints[0].position_limit_rad) == pytest.approx([-115, 115], abs=0.01)
    assert not furuta.joints[0].wraps
    assert furuta.joints[1].wraps
    assert furuta.actuators[0].unit == "V"
    assert furuta.control.rate_hz == 50


def test_unknown_robot_lists_the_built_in_ones(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"'furrta'.*built in: .*'furuta'"):
        load_robot("furrta")
    with pytest.raises(SpecError, match=r"no such folder with a robot\.toml"):
        load_robot(tmp_path)


BROKEN = [
    ("robot.colour", "red", r"robot\.colour: unknown key"),
    ("control.rate_hz", 0, r"control\.rate_hz: expected a number from 1 to 1000 Hz; got 0"),
    (
        "control.physics_rate_hz",
        240,
        r"control\.physics_rate_hz: expected a multiple of rate_hz \(50 Hz",
    ),
    ("control.physics_rate_hz", 25, r"multiple of rate_hz"),
    ("control.action_history", -1, r"control\.action_history: expected an integer from 0 to 100"),
    ("joint.1.velocity_filter_hz", ..., r"joint\[1\]\.velocity_filter_hz: .*the key is missing"),
    ("joint.0.encoder_counts_per_rev", 2048.0, r"joint\[0\]\.encoder_counts_per_rev"),
    (
        "joint.0.position_limit_rad",
        [1.0, -1.0],
        r"joint\[0\]\.position_limit_rad: expected \[a, b\]",
    ),
    ("joint.0.name", "elbow", "'elbow': is not a movable joint .*it has: arm, pendulum"),
    ("joint.1", ..., r"movable joints without a \[\[joint\]\]: \['pendulum'\]"),
    ("joint.1.name", "arm", r"joint\[1\]\.name: .*got 'arm'"),
    ("actuator.0.joint", "elbow", r"actuator\[0\]\.joint: expected one of 'arm', 'pendulum'"),
    ("actuator.0.command", "steam", r"actuator\[0\]\.command: expected one of 'voltage'"),
    ("actuator.0.command", "current", r"actuator\[0\]\.direct: expected a table"),
    ("actuator.0.limit_V", ..., r"actuator\[0\]\.limit_V: .* V; the key is missing"),
    ("actuator.0.dc_motor.resistance_ohm", 0, r"actuator\[0\]\.dc_motor\.resistance_ohm"),
    (
        "actuator.0.latency_ms",
        101,
        r"actuator\[0\]\.latency_ms: expected a number from 0 to 100 ms",
    ),
    ("sensor.noise_counts", -0.1, r"sensor\.noise_counts"),
    ("link.protocol", "", r"link\.protocol: expected a non-empty string"),
    ("safety.watchdog_ms", ..., r"safety\.watchdog_ms"),
    ("safety.watchdg_ms", 80, r"unknown key; did you mean 'watchdog_ms'"),
    ("home.timeout_s", 0, r"home\.timeout_s"),
    ("task.parameters.arm_limit_rad", "far", r"task\.parameters\.arm_limit_rad"),
    (
        "randomization.links.arm.mass",
        {"range": [0.8, 1.2]},
        r"\{ scale = \[a, b\] \} or \{ log_scale",
    ),
    ("randomization.links.arm.mass", {"scale": [0, 1]}, r"links\.arm\.mass\.scale: .*0\.01 <= a"),
    ("randomization.links.arm.mass", {"scale": [1, 1], "log_scale": [1, 1]}, r"links\.arm\.mass"),
    (
        "randomization.links.arm.weight",
        {"scale": [1, 2]},
        "unknown parameter. Known here: length, mass",
    ),
    ("randomization.links.leg", {}, "unknown parameter. Known here: arm, pendulum"),
    ("randomization.wind", {}, r"randomization\.wind: unknown parameter\. Known here: actuators"),
    ("weather", {}, "weather: unknown key"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), BROKEN, ids=[f"{b[0]}={b[1]}" for b in BROKEN]
)
def test_broken_description_is_named(path: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        load_robot(write_robot(tmp_path, put(furuta_toml(), path, value)))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text[: len(text) // 2], "not valid XML"),
        (
            lambda text: text.replace('"pendulum" type', '"rod" type'),
            "'pendulum': is not a movable joint",
        ),
    ],
)
def test_broken_urdf_is_named(edit: Callable[[str], str], message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        load_robot(write_robot(tmp_path, furuta_toml(), edit(FURUTA_URDF)))


def test_missing_urdf_is_named(tmp_path: Path) -> None:
    write_robot(tmp_path, furuta_toml())
    (tmp_path / "furuta.urdf").unlink()
    with pytest.raises(SpecError, match=r"furuta\.urdf: no such URDF; \[robot\] urdf is relative"):
        load_robot(tmp_path)


@pytest.mark.parametrize("kind", ["joint", "actuator"])
def test_two_parts_of_one_name_are_refused(kind: str, tmp_path: Path) -> None:
    toml = furuta_toml()
    toml[kind].append(toml[kind][0])
    with pytest.raises(
        SpecError, match=rf"{kind}\[{len(toml[kind]) - 1}\]\.name: .*not used before"
    ):
        load_robot(write_robot(tmp_path, toml))
