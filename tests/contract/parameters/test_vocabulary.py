"""Which numbers of the vocabulary multiply, which stand for themselves, and their limits."""

import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.parameters.vocabulary import is_scale, parameter_limits


@pytest.mark.parametrize(
    ("path", "scale", "limits"),
    [
        ("links.pendulum.mass", True, (0.01, 100.0)),
        ("joints.arm.friction", True, (0.01, 100.0)),
        ("actuators.motor.latency_ms", False, (0.0, 100.0)),
        ("initial.arm.velocity_rad_s", False, (-1000.0, 1000.0)),
        ("joints.arm.backlash_rad", False, (0.0, 1.0)),
    ],
)
def test_scales_and_absolute_numbers(path: str, scale: bool, limits: tuple[float, float]) -> None:
    assert is_scale(path) is scale
    assert parameter_limits(path) == limits


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "arm"])
def test_nominal_values_lie_within_their_limits_and_scales_are_1(name: str) -> None:
    for path, value in load_robot(name).nominal.items():
        low, high = parameter_limits(path)
        assert low <= value <= high, path
        assert not is_scale(path) or value == 1.0, path
