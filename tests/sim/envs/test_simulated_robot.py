"""A simulated robot keeps what every Robot keeps, in both engines, with its drive on and off."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import Clock, Command, Robot, RobotSpec, load_robot
from robot_mbrl.contract.interface import Enabled, Fault
from robot_mbrl.contract.observation.neutral_command import neutral_command
from robot_mbrl.contract.stop_reason import StopReason
from sim.envs.make import make_env
from sim.envs.simulated_robot import SimulatedRobot
from tests.conformance.drive import DriveConformance, Make, wait
from tests.conformance.robot import RobotConformance
from tests.support.engines import each_engine

POSE = (0.6, 0.5, 1.2, 0.6, -0.8)


def arm_in_a_pose() -> RobotSpec:
    """The arm away from 0, its sensors without latency and noise, its commands late."""
    arm = load_robot("arm")
    joints = tuple(replace(j, home_rad=q) for j, q in zip(arm.joints, POSE, strict=True))
    return replace(arm, joints=joints, sensor=replace(arm.sensor, latency_ms=0.0, noise_counts=0.0))


@each_engine
class TestSimulatedArm(RobotConformance, DriveConformance):
    @pytest.fixture
    def spec(self) -> RobotSpec:
        return arm_in_a_pose()

    @pytest.fixture
    def robot(self, spec: RobotSpec, backend: str) -> Iterator[SimulatedRobot]:
        robot = SimulatedRobot(spec, {}, np.random.default_rng(0), backend)
        yield robot
        robot.close()

    @pytest.fixture
    def make(self, spec: RobotSpec, backend: str) -> Make:
        def off() -> tuple[Robot, Clock]:
            robot = SimulatedRobot(spec, {}, np.random.default_rng(0), backend)
            robot.stop()
            return robot, robot

        return off

    def test_an_episode_starts_enabled_and_holds(
        self, robot: SimulatedRobot, spec: RobotSpec
    ) -> None:
        first = robot.read()
        assert first.faults == 0
        np.testing.assert_allclose(first.applied, POSE)
        wait(robot, 0.3)
        assert np.abs(robot.read().q_rad - POSE).max() < self.sag_rad

    def test_off_an_arm_falls(self, robot: SimulatedRobot, spec: RobotSpec) -> None:
        robot.stop()
        wait(robot, 0.5)
        assert np.abs(robot.worlds.true_state()[0][0] - POSE).max() > 2 * self.sag_rad

    def test_a_copy_of_a_stopped_robot_is_off(self, robot: SimulatedRobot) -> None:
        wait(robot, 0.1)
        robot.stop()
        other = copy.deepcopy(robot)
        for each in (robot, other):
            wait(each, 0.3)
        np.testing.assert_array_equal(other.worlds.true_state()[0], robot.worlds.true_state()[0])
        assert other.read().faults & Fault.NOT_ENABLED
        other.close()

    def test_a_restart_switches_on(self, robot: SimulatedRobot) -> None:
        robot.stop()
        wait(robot, 0.2)
        robot.restart(np.random.default_rng(0))
        wait(robot, 0.3)
        assert np.abs(robot.read().q_rad - POSE).max() < self.sag_rad


def test_after_a_stop_the_history_shows_the_pose_and_not_0() -> None:
    """What is applied while the drive is off; a stop is no command to go to 0."""
    env = make_env(arm_in_a_pose(), randomize=False)
    first, _ = env.reset(seed=0)
    env.safe.stop(StopReason.OPERATOR)
    obs, _, _, truncated, info = env.step(np.zeros(5))
    assert truncated and info["stop_reason"] == "operator"
    applied = env.layout.last_action(obs)
    np.testing.assert_allclose(applied, env.layout.last_action(first), atol=1e-6)
    assert np.abs(applied).min() > 0.1
    env.close()


@each_engine
def test_it_holds_where_its_shifted_encoder_says_it_is(backend: str, tmp_path: Path) -> None:
    """Encoder and servo share their zero, so no offset makes a held joint jump."""
    spec = replace(arm_in_a_pose(), effects={"joints.pan.encoder_offset_rad": 0.3})
    robot = SimulatedRobot(spec, {}, np.random.default_rng(0), backend)
    start = robot.read()
    assert start.q_rad[0] == pytest.approx(POSE[0] - 0.3, abs=2e-3)
    np.testing.assert_allclose(start.applied[0], POSE[0] - 0.3, atol=2e-3)
    assert isinstance(robot, Enabled)
    robot.send(Command(neutral_command(spec, start.q_rad)))
    wait(robot, 0.3)
    assert robot.read().q_rad[0] == pytest.approx(start.q_rad[0], abs=0.01)
    robot.close()
