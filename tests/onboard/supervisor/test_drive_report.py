"""After a stop people read what is known, not what was wished."""

from pathlib import Path

import numpy as np
import pytest

from hardware.mock.lockstep import LockstepPort
from launch.terminal import print_end
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.onboard import EpisodePlan, RandomController, SafeRobot, Session, run_episodes
from robot_mbrl.onboard.supervisor.drive_report import DriveReport
from tests.conformance.protocol import Rig, make_rig
from tests.support.onboard_fakes import FakeRobot, LockstepClock


@pytest.fixture(scope="module")
def furuta() -> RobotSpec:
    return load_robot("furuta")


def test_a_robot_in_this_process_has_nothing_to_confirm(furuta: RobotSpec) -> None:
    clock = LockstepClock()
    safe = SafeRobot(FakeRobot(furuta, clock), furuta, clock)
    safe.disarm()
    assert safe.drive == DriveReport(confirmed_off=True)
    assert safe.drive.sentence == "Drive is off."


def test_what_is_not_confirmed_is_not_said() -> None:
    known = DriveReport(confirmed_off=False, watchdog_s=0.08)
    assert "NOT confirmed" in known.sentence and "80 ms" in known.sentence
    nothing = DriveReport(confirmed_off=False)
    assert "nor any watchdog" in nothing.sentence and "Drive is off" not in nothing.sentence
    assert known.to_json() == {"drive_off_confirmed": False, "watchdog_ms": 80.0}


class RigConnection:
    """A connection to a rig in lockstep."""

    port, simulated = "rig", False

    def __init__(self, rig: Rig) -> None:
        rig.driver.connect()
        self.robot, self.clock = rig.driver, rig.clock


class Unplugs(RandomController):
    """Pulls the cable in its tenth tick."""

    def __init__(self, spec: RobotSpec, port: LockstepPort) -> None:
        size = ObservationLayout.from_spec(spec).size
        super().__init__(size, len(spec.actuators), 0.0, np.random.default_rng(0))
        self._port, self._left = port, 10

    def act(self, observation: np.ndarray):
        self._left -= 1
        if self._left == 0:
            self._port.unplug()
        return super().act(observation)


@pytest.mark.parametrize("unplugged", [True, False])
def test_the_end_of_a_row_says_what_the_device_confirmed(
    furuta: RobotSpec, tmp_path: Path, unplugged: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = make_rig(furuta)
    other = make_rig(furuta)
    with Session(furuta, lambda: RigConnection(rig)) as session:
        plan = EpisodePlan(20, tmp_path, "deploy")
        controller = Unplugs(furuta, rig.port if unplugged else other.port)
        report = run_episodes(session, controller, plan, 1)
    print_end(report, "furuta")
    out = capsys.readouterr().out
    period_ms = furuta.safety.watchdog_ms
    if unplugged:
        assert f"NOT confirmed that its drive is off. Its own watchdog, at {period_ms:g} ms" in out
        assert "Drive is off" not in out and rig.board.powered.any()
        rig.wait(2e-3 * period_ms)
        assert not rig.board.powered.any()
    else:
        assert report.to_json()["drive_off_confirmed"] and "NOT confirmed" not in out
