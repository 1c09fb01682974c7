"""Ways to fail fit the robot that they are tried on."""

from launch.bench.stop_cases import CASES, gain
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.description.reality import nominal_reality


def test_full_drive_against_a_limit_is_tried_on_motors_that_can() -> None:
    names = {
        robot: [c.name for c in CASES if c.fits(load_robot(robot))] for robot in ("furuta", "arm")
    }
    assert set(names["furuta"]) - set(names["arm"]) == {"drive stuck at full, arm limit"}


def test_a_weak_servo_has_a_weak_loop_and_gives_less_at_most() -> None:
    arm = load_robot("arm")
    weak = gain(0.6, 2.0)(nominal_reality(arm), arm)
    before, after = weak.parameters_at(1.9), weak.parameters_at(2.1)
    changed = {path for path in before if before[path] != after[path]}
    keys = ("stiffness", "damping", "torque_limit")
    assert changed == {f"actuators.pan_servo.{key}" for key in keys}
