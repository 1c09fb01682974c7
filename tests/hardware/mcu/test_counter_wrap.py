"""Encoder counts that pass 2^31 and samples that pass 2^32, by way of the mock's bytes."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

import hardware
from hardware.mock.board import Board
from robot_mbrl.contract import Command, RobotSpec
from tests.support.lockstep_rig import make_rig_robot

SAMPLES = 2**32 - 200


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Boards that have been on for long: few samples before the end of their counter."""
    plain = Board.__init__

    def late(board: Board, *arguments: object) -> None:
        plain(board, *arguments)  # type: ignore[arg-type]
        board.sample = SAMPLES

    monkeypatch.setattr(Board, "__init__", late)
    yield


def turn(board: Board, joint: int, counts: int) -> None:
    """Let an encoder begin at so many counts."""
    encoders = board._encoders
    encoders.zero_rad[joint] = -counts * encoders._rad_per_count[joint]


@pytest.mark.parametrize("end", [2**31 - 3, -(2**31) + 2])
def test_positions_and_samples_go_on(spec: RobotSpec, started: None, end: int) -> None:
    robot, clock, device, _ = make_rig_robot(spec)
    turn(device.board, 0, end)
    robot.connect()
    first = robot.read()
    robot.arm()
    states = [first]
    for tick in range(1, 21):
        robot.send(Command(np.array([np.sign(end) * 1.0])))
        clock.wait_until(0.02 * tick)
        states.append(robot.read())
    q = np.array([s.q_rad[0] for s in states])
    assert np.abs(q[-1] - first.q_rad[0]) == pytest.approx(0.8, abs=0.05)  # 2 rad/s, 0.4 s
    assert np.abs(np.diff(q)).max() < 0.06
    assert abs(q[0]) == pytest.approx(abs(end) * spec.joints[0].rad_per_count)
    steps = {b.sequence - a.sequence for a, b in itertools.pairwise(states)}
    assert steps == {20}, "a sample each millisecond"
    assert states[-1].sequence > 2**32 > first.sequence


@pytest.mark.parametrize("reality", ["", ":worn"])
@pytest.mark.parametrize("end", [2**31 - 1, -(2**31)])
def test_a_running_robot_notices_nothing(started: None, end: int, reality: str) -> None:
    """A pendulum that swings through the end of its encoder's counter: the same as ever."""
    episodes, fresh = [], dict[int, list[bool]]()
    for counts in (0, end):
        env = hardware.make_env("furuta", f"mock{reality}", episode_s=1.4)
        board = env.safe._robot._port.device.board  # type: ignore[attr-defined]
        turn(board, 1, counts)
        env.safe._robot.connect()  # type: ignore[attr-defined]
        env.reset(seed=0)
        observations, ended, tick = [], False, 0
        while not ended:
            push = 0.5 * np.sin(2 * np.pi * 1.6 * 0.02 * tick) * np.ones(1)
            obs, _, terminated, truncated, info = env.step(push)
            ended, tick = terminated or truncated, tick + 1
            observations.append(obs)
            fresh[counts] = [*fresh.get(counts, []), info["fresh"]]
            assert info["stop_reason"] == "", info
        assert tick == 70
        swing = np.ptp(np.unwrap(np.arctan2(*np.array(observations)[:, [1, 2]].T)))
        assert swing > 0.1
        episodes.append(np.array(observations))
        assert board.sample > 2**32
        env.close()
    assert fresh[0] == fresh[end], "what is lost is lost, but no sample looks old"
    angle = np.abs(episodes[0][:, :3] - episodes[1][:, :3])
    assert angle.max() < 0.05
