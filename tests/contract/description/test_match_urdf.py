"""robot.toml may not contradict its URDF: walls that only simulation knows of are refused."""

from pathlib import Path
from typing import Any

import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import SpecError
from tests.support.robots import furuta_toml, put, write_robot

ARM, PENDULUM = "joint.0.", "joint.1."


def edited(edits: dict[str, Any]) -> dict[str, Any]:
    toml = furuta_toml()
    for path, value in edits.items():
        toml = put(toml, path, value)
    return toml


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (
            {ARM + "wraps": True},
            r"joint 'arm': wraps = true contradicts .* -2\.2 to 2\.2 rad .*; set wraps = false, or",
        ),
        (
            {ARM + "position_limit_rad": [-2.0, 2.5]},
            r"position_limit_rad = \[-2, 2\.5\] goes beyond -2\.2 to 2\.2 rad .*or widen",
        ),
        (
            {ARM + "position_limit_rad": ..., ARM + "home_rad": 2.4},
            r"joint 'arm': home_rad = 2\.4 is not within -2\.2 to 2\.2 rad",
        ),
    ],
)
def test_what_contradicts_the_urdf_is_named_with_both_values(
    edits: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = write_robot(tmp_path, edited(edits))
    with pytest.raises(SpecError, match=message) as caught:
        load_robot(folder)
    assert "robot.toml" in str(caught.value)


def test_all_contradictions_stand_in_one_message(tmp_path: Path) -> None:
    toml = edited({ARM + "wraps": True, PENDULUM + "name": "rod"})
    with pytest.raises(SpecError, match=r"(?s)3 problems.*'rod'.*'pendulum'.*'arm': wraps = true"):
        load_robot(write_robot(tmp_path, toml))


def test_narrower_and_rounded_limits_are_no_contradiction(tmp_path: Path) -> None:
    for limits in ([-1.0, 1.5], [-2.2005, 2.2005]):
        toml = edited({ARM + "position_limit_rad": limits})
        spec = load_robot(write_robot(tmp_path, toml))
        assert list(spec.joints[0].position_limit_rad) == limits


def test_limits_that_robot_toml_does_not_name_are_those_of_the_urdf(tmp_path: Path) -> None:
    spec = load_robot(write_robot(tmp_path, edited({ARM + "position_limit_rad": ...})))
    assert spec.joints[0].position_limit_rad == (-2.2, 2.2)


def test_a_joint_without_ends_may_have_them_in_robot_toml(tmp_path: Path) -> None:
    limits = {PENDULUM + "wraps": False, PENDULUM + "position_limit_rad": [-9.0, 9.0]}
    toml = edited(limits) | {"task": {"name": "reach_pose"}}
    assert load_robot(write_robot(tmp_path, toml)).joints[1].position_limit_rad == (-9.0, 9.0)
