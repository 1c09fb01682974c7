"""The gymnasium environment of a robot on a port; homing from anywhere on every shipped reality."""

from typing import Any

import numpy as np
import pytest

import hardware
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import LinkError
from robot_mbrl.onboard import SafeRobot, SafetyState, go_home

REALITIES = ["", ":heavy", ":light", ":worn"]


def put(connection: hardware.Connection, arm: float, pendulum: float) -> Any:
    """Place the mock's machine at rest at these angles; returns its plant."""
    assert connection.device is not None
    plant: Any = connection.device.board.plant
    plant.data.qpos[:], plant.data.qvel[:] = (arm, pendulum), 0.0
    connection.clock.wait_until(connection.clock.now() + 0.02)  # until it is measured
    return plant


def test_a_rollout_on_the_mock() -> None:
    env = hardware.make_env("furuta", "mock", episode_s=0.5)
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    for tick in range(25):
        obs, reward, terminated, truncated, info = env.step(np.array([0.1], np.float32))
        assert env.observation_space.contains(obs)
        assert np.isfinite(reward)
        assert not terminated
        assert info["applied"] == pytest.approx([0.1 * min(1.0, tick * 0.02 / 0.1)], abs=1e-6)
        assert truncated == (tick == 24)
    assert obs[env.layout.column("arm.position")] > 0.02
    env.close()


def test_a_wrong_port_is_an_error() -> None:
    with pytest.raises(LinkError):
        hardware.make_env("furuta", "/dev/no-such-port")


def test_reset_after_a_stop_at_the_arm_limit_comes_home() -> None:
    env = hardware.make_env("furuta", "mock")
    env.reset(seed=0)
    truncated = terminated = False
    env.task = type("Endless", (), {"reward": lambda *_: 0.0, "terminated": lambda *_: False})()
    while not truncated:
        *_, truncated, info = env.step(np.array([1.0], np.float32))
    assert info["stop_reason"] == "limit_position"
    assert not terminated
    obs, _ = env.reset()
    assert abs(obs[env.layout.column("arm.position")]) < 0.2
    assert env.safe.state is SafetyState.ARMED
    env.close()


@pytest.mark.parametrize("reality", REALITIES)
@pytest.mark.parametrize(("arm", "pendulum"), [(1.5, 2.0), (-1.5, 2.0), (2.1, 0.0)])
def test_homing_works_on_every_reality(reality: str, arm: float, pendulum: float) -> None:
    spec = load_robot("furuta")
    connection = hardware.open_connection(spec, "mock" + reality)
    plant = put(connection, arm, pendulum)
    safe = SafeRobot(connection.robot, spec, connection.clock)
    assert go_home(safe, connection.clock, spec) < 40.0
    assert abs(plant.positions()[0]) < 0.15
    assert safe.state is SafetyState.DISARMED
    safe.close()
