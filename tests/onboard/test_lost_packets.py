"""Lost packets in lockstep, through the real driver: 1 % stops nothing, and 5 % is lived with."""

from pathlib import Path

import numpy as np
import pytest

from hardware import open_connection
from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec, load_robot
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.onboard import ControllerOutput, LoopReport, SafeRobot, go_home, run_episode
from robot_mbrl.onboard.home import from_home, home_action


class Hold:
    """Stays at home, and swings around it a little."""

    def __init__(self, spec: RobotSpec, observer: Observer) -> None:
        self._spec, self._observer = spec, observer
        self._unknown = np.full(observer.layout.size, np.nan)
        self._ticks = 0

    def reset(self) -> None: ...

    def act(self, observation: FloatArray) -> ControllerOutput:
        self._ticks += 1
        velocity = self._observer.layout.velocities(observation)
        away = from_home(self._observer.q, self._spec)
        wave = 0.1 * np.sin(np.pi * self._ticks * self._spec.control.dt)
        return ControllerOutput(
            action=np.clip(home_action(away, velocity, self._spec) + wave, -1.0, 1.0),
            plan=np.zeros((1, len(self._spec.actuators)), dtype=np.float32),
            predicted_mean=self._unknown,
            predicted_std=self._unknown,
            disagreement=np.full(1, np.nan),
            value=0.0,
            plan_time_s=0.0,
        )


def hold(folder: Path, robot: str, lost_share: float, seed: int, seconds: float) -> LoopReport:
    """An episode in which so many of the requests, and of the replies, are lost."""
    spec = load_robot(robot)
    file = folder / "lossy.toml"
    places = ["sensors", *(f"actuators.{a.name}" for a in spec.actuators)]
    lost = "".join(f"[effects.{place}]\nlost_share = {lost_share}\n" for place in places)
    file.write_text(f"seed = {seed}\n{lost}")
    connection = open_connection(spec, f"mock:{file}")
    with SafeRobot(connection.robot, spec, connection.clock) as safe:
        go_home(safe, connection.clock, spec)
        observer = Observer(ObservationLayout.from_spec(spec))
        ticks = round(seconds * spec.control.rate_hz)
        report = run_episode(safe, connection.clock, Hold(spec, observer), observer, None, ticks)
    assert connection.robot.statistics.lost > ticks * lost_share
    return report


@pytest.mark.parametrize(("robot", "seed"), [("furuta", 1), ("arm", 2)])
def test_one_percent_for_a_few_seconds(tmp_path: Path, robot: str, seed: int) -> None:
    report = hold(tmp_path, robot, 0.01, seed, 5.0)
    assert report.stop_reason.value == "finished", report.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("robot", "lost_share"), [("furuta", 0.01), ("arm", 0.01), ("furuta", 0.05)]
)
def test_for_a_minute(tmp_path: Path, robot: str, lost_share: float) -> None:
    report = hold(tmp_path, robot, lost_share, 3, 60.0)
    assert report.stop_reason.value == "finished", report.message
    assert report.counts["missed"] == report.skipped_periods == 0
    coasted = report.counts["coasted"] / report.ticks
    assert coasted < (2e-3 if lost_share < 0.05 else 2e-2)
