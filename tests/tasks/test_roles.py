"""Built-in tasks on robots whose joints have other names."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.tasks import make_task
from tests.support.robots import FURUTA_URDF, furuta_toml, write_robot

RENAMED = {"arm": "joint1", "pendulum": "joint2"}


def renamed_furuta(folder: Path, task: dict[str, Any]) -> RobotSpec:
    """A Furuta pendulum whose joints are called joint1 and joint2."""
    toml, urdf = furuta_toml(), FURUTA_URDF
    toml["randomization"], toml["task"] = {}, task
    for old, new in RENAMED.items():
        urdf = urdf.replace(f'<joint name="{old}"', f'<joint name="{new}"')
    for joint in toml["joint"]:
        joint["name"] = RENAMED[joint["name"]]
    for actuator in toml["actuator"]:
        actuator["joint"] = RENAMED[actuator["joint"]]
    return load_robot(write_robot(folder, toml, urdf))


@pytest.mark.parametrize(
    ("name", "needs"),
    [("furuta_swing_up", "arm, pendulum; no joint 'arm', 'pendulum'"), ("pendulum_swing_up", "pe")],
)
def test_other_names_are_told_not_a_key_error(name: str, needs: str, tmp_path: Path) -> None:
    spec = renamed_furuta(tmp_path, {"name": name})
    with pytest.raises(SpecError, match=rf"task '{name}': .*needs the joints {needs}") as caught:
        make_task(spec)
    assert "the robot has: joint1, joint2" in str(caught.value)
    assert "[task.joints]" in str(caught.value)


def test_joints_are_given_their_parts(tmp_path: Path) -> None:
    spec = renamed_furuta(tmp_path, {"name": "furuta_swing_up", "joints": RENAMED})
    task, plain = make_task(spec), make_task(load_robot("furuta"))
    rng = np.random.default_rng(0)
    obs, action = rng.standard_normal((50, plain.layout.size)), rng.uniform(-1, 1, (50, 1))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(task.reward(obs, action), plain.reward(obs, action))
    np.testing.assert_array_equal(task.terminated(obs), plain.terminated(obs))
    np.testing.assert_array_equal(task.at_goal(obs), plain.at_goal(obs))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"name": "furuta_swing_up", "joints": {"leg": "joint1"}}, "no part 'leg'.*arm, pendulum"),
        ({"name": "furuta_swing_up", "joints": {"arm": "joint3"}}, "no joint 'joint3'"),
        (
            {"name": "furuta_swing_up", "joints": {"arm": "joint2", "pendulum": "joint2"}},
            "one joint plays two parts",
        ),
        (
            {"name": "furuta_swing_up", "joints": {"arm": "joint2", "pendulum": "joint1"}},
            "part 'arm', joint 'joint2': expected a joint with wraps = false",
        ),
        (
            {"name": "reach_pose", "joints": {"arm": "joint1"}},
            "task.joints: task 'reach_pose' has no parts",
        ),
    ],
)
def test_wrong_parts_are_named(task: dict[str, Any], message: str, tmp_path: Path) -> None:
    spec = renamed_furuta(tmp_path, task)
    with pytest.raises(SpecError, match=message):
        make_task(spec)


def test_parts_belong_to_what_a_controller_relies_on() -> None:
    spec = load_robot("furuta")
    named = replace(spec, task=replace(spec.task, joints={"arm": "arm"}))
    assert named.fingerprint != spec.fingerprint
