"""The way home of robots whose numbers are guesses: slow, weak, and it arrives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.onboard import SafeRobot, go_home
from robot_mbrl.onboard.home import LEAD_S
from sim.adopt.new_robot import new_robot
from sim.envs.simulated_robot import SimulatedRobot
from tests.sim.adopt.test_placeholders import ARM

MODERATE_RAD_S = 4.0


class Watched(SimulatedRobot):
    """Remembers the fastest that any joint was."""

    fastest_rad_s = 0.0

    def wait_until(self, time_s: float) -> float:
        late = super().wait_until(time_s)
        speed = float(np.abs(self.worlds.true_state()[1]).max())
        self.fastest_rad_s = max(self.fastest_rad_s, speed)
        return late


def from_afar(spec: RobotSpec, rad: float) -> RobotSpec:
    """The robot that starts up to so far from home, within its limits."""
    found = dict(spec.randomization)
    for joint in spec.joints:
        path = f"initial.{joint.name}.position_rad"
        low, high = np.clip(
            [joint.home_rad - rad, joint.home_rad + rad],
            joint.position_limit_rad[0] + 0.15,
            joint.position_limit_rad[1] - 0.15,
        )
        found[path] = replace(found[path], low=float(low), high=float(high))
    return replace(spec, randomization=found)


def fastest_on_the_way_home(spec: RobotSpec, seed: int) -> float:
    """In rad/s; raises SafetyError where home is not reached."""
    robot = Watched(spec, spec.randomization, np.random.default_rng(seed))
    go_home(SafeRobot(robot, spec, robot), robot, spec)
    robot.close()
    return robot.fastest_rad_s


@pytest.mark.parametrize("command", ["torque", "position"])
@pytest.mark.parametrize("effort", ["1", "35"])
def test_home_is_reached_slowly(command: str, effort: str, tmp_path: Path) -> None:
    path = tmp_path / "arm.urdf"
    path.write_text(ARM.replace('effort="1"', f'effort="{effort}"'))
    spec = from_afar(new_robot(path, tmp_path / "robot", command=command).spec, 1.2)
    for seed in range(3):
        assert fastest_on_the_way_home(spec, seed) < MODERATE_RAD_S


def test_the_spring_of_a_torque_robot_is_weak(tmp_path: Path) -> None:
    """What holds a joint feels a few times its weight, not what its motor can do."""
    path = tmp_path / "arm.urdf"
    path.write_text(ARM.replace('effort="1"', 'effort="3.5"'))
    made = new_robot(path, tmp_path / "robot", command="torque")
    assert made.joints[0].effort_known
    for joint, guess in zip(made.spec.joints, made.joints, strict=True):
        stiffness, _ = made.spec.home.gains(joint)
        pull = stiffness * LEAD_S * made.spec.home.speed_rad_s
        assert guess.load_nm < pull < 6 * guess.load_nm


@pytest.mark.slow
@pytest.mark.parametrize(
    ("urdf", "weld"),
    [
        ("a1/a1.urdf", ()),
        ("kuka_iiwa/model.urdf", ()),
        ("xarm/xarm6_robot.urdf", ()),
        ("franka_panda/panda.urdf", ("panda_finger_joint1", "panda_finger_joint2")),
        ("quadruped/minitaur_v1.urdf", ()),
        ("laikago/laikago_toes_limits.urdf", ()),
    ],
)
def test_home_of_public_robots_by_torque(urdf: str, weld: tuple[str, ...], tmp_path: Path) -> None:
    data = pytest.importorskip("pybullet_data")
    made = new_robot(
        Path(data.getDataPath()) / urdf, tmp_path / "robot",
        command="torque", weld=weld, meshes=False, guess_inertia=True,
    )  # fmt: skip
    for seed in range(2):
        assert fastest_on_the_way_home(from_afar(made.spec, 1.0), seed) < MODERATE_RAD_S
