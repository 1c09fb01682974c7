"""The gymnasium environment of a robot on a port; homing from anywhere on every shipped reality."""

import contextlib
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
    env.safe._braking.restrict = lambda action, now_s: action  # a load that no brake holds
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


class Stalling:
    """A person, or a policy, that takes long: `seconds` of the mock's own time."""

    def __init__(self, env: Any) -> None:
        self.env = env

    def think(self, seconds: float) -> None:
        self.env.clock.wait_until(self.env.clock.now() + seconds)


def test_a_stall_between_steps_is_no_burst_and_no_wrong_speed() -> None:
    env = hardware.make_env("furuta", "mock", episode_s=2.0)
    env.reset(seed=0)
    person, times, skipped = Stalling(env), [], []
    for tick in range(40):
        if tick == 20:
            person.think(0.055)
        *_, info = env.step(np.array([0.05], np.float32))
        assert not info["stop_reason"]
        times.append(info["device_time_s"])
        skipped.append(info["skipped"])
    assert np.diff(times).min() > 0.0199
    assert np.diff(times)[19] == pytest.approx(0.06)
    assert skipped[20] == 2 and sum(skipped) == 2
    assert env.safe.counts["missed"] == 2
    env.close()


def test_the_observed_speed_after_a_stall_is_the_true_one() -> None:
    spec = load_robot("furuta")
    env = hardware.make_env(spec, "mock")
    env.reset(seed=0)
    person, speeds, column = Stalling(env), [], env.layout.column("arm.velocity")
    for tick in range(30):
        if tick in (20, 25):
            person.think(0.055)
        obs, *_, info = env.step(np.array([0.15], np.float32))
        assert not info["stop_reason"]
        speeds.append(obs[column])
    assert np.abs(np.diff(speeds[15:])).max() < 1.5
    env.close()


@pytest.mark.parametrize("seconds", [0.1, 30.0])
def test_who_thinks_for_long_between_two_steps_is_stopped(seconds: float) -> None:
    env = hardware.make_env("furuta", "mock")
    env.reset(seed=0)
    env.step(np.array([0.1], np.float32))
    Stalling(env).think(seconds)
    device = env.safe._robot._port.device
    heard = device.board.command.copy()
    *_, terminated, truncated, info = env.step(np.array([1.0], np.float32))
    assert truncated and not terminated
    assert info["stop_reason"] == "deadline"
    assert "between episodes" in info["message"]
    assert not heard.any() and not device.board.command.any()  # its watchdog, and nothing since
    env.reset()
    *_, info = env.step(np.array([0.1], np.float32))
    assert not info["stop_reason"]
    env.close()


def test_steps_that_are_always_late_are_stopped() -> None:
    env = hardware.make_env("furuta", "mock")
    env.reset(seed=0)
    reasons = []
    for _ in range(2):
        Stalling(env).think(0.03)
        *_, info = env.step(np.array([0.0], np.float32))
        reasons.append(info["stop_reason"])
    assert reasons == ["", "deadline"]
    env.close()


def test_who_thinks_for_most_of_a_period_is_on_time() -> None:
    env = hardware.make_env("furuta", "mock", episode_s=1.0)
    env.reset(seed=0)
    for _ in range(50):
        Stalling(env).think(0.019)
        *_, truncated, info = env.step(np.array([0.0], np.float32))
        assert not info["stop_reason"]
    assert truncated and env.safe.counts["missed"] == 0
    env.close()


def test_real_time_priority_is_for_steps_alone_and_for_real_robots(monkeypatch) -> None:
    taken = []

    @contextlib.contextmanager
    def note() -> Any:
        taken.append("in")
        yield True
        taken.append("out")

    monkeypatch.setattr("robot_mbrl.envs.robot_env.realtime_priority", note)
    env = hardware.make_env("furuta", "mock")
    env.reset(seed=0)
    env.step(np.array([0.0], np.float32))
    assert not taken
    env.close()
    env = hardware.make_env("furuta", "mock", realtime=True)
    env.reset(seed=0)
    assert taken == ["in", "out"]
    env.step(np.array([0.0], np.float32))
    assert taken == ["in", "out"] * 2
    env.close()
