"""`robot-mbrl deploy`: a controller drives a robot at its control rate, supervised and recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.latched_faults import settle_faults
from launch.operator_stop import OperatorStop, open_session
from launch.terminal import print_calibration, print_end, print_episode
from launch.verb import OK, SAFETY_STOP, Outcome, Verb
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.files.folder_lock import check_not_in_use
from robot_mbrl.onboard import (
    EpisodePlan,
    EpisodesReport,
    MonitorThresholds,
    OnnxController,
    load_for_robot,
    run_episodes,
)


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Run a controller on a robot under the safety supervisor.

    The robot goes home, then runs episodes; every tick is recorded. Ctrl-C or SIGTERM stops it
    between two ticks. Exit code: 0 for a normal end or an operator's stop, 3 for a safety stop, 1
    for an error.
    """

    controller: Path
    """controller.onnx, made by `robot-mbrl export`"""
    port: str
    """device path, pyserial URL, or `mock` / `mock:REALITY` (in this process, lockstep clock)"""
    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    calibration: Path | None = None
    """.toml or .json of what was measured on this robot, joint offsets above all; the one the
    controller holds by default"""
    episodes: int = 1
    """how many, with the way home in between"""
    seconds: float | None = None
    """length of an episode; the task's by default"""
    record: Path = Path("runs/episodes")
    """folder for the episode files"""
    monitor: Literal["stop", "watch", "off"] = "stop"
    """what innovation and disagreement do: stop the robot, only be noted, or nothing"""
    goal: tuple[float, ...] | None = None
    """of a task that has goals, such as a point x y z in m; drawn for each episode by default"""
    clear_faults: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """clear what the device has latched, such as its watchdog after a kill; find the cause first"""
    seed: int = 0
    """of the planner's noise, the goals drawn, and of an in-process mock"""


def run(settings: Settings) -> Outcome:
    """Deploy and print what happened."""
    with OperatorStop() as stop:
        spec, controller = load_for_robot(
            settings.controller,
            settings.robot,
            seed=settings.seed,
            calibration=settings.calibration,
        )
        print_calibration(spec, settings.calibration)
        report = deploy(spec, controller, settings, stop)
    print_end(report, spec.name)
    head = {"robot": spec.name, "joint_offset_rad": spec.offsets_rad}
    return Outcome(head | report.to_json(), SAFETY_STOP if report.stop else OK)


def deploy(
    spec: RobotSpec,
    controller: OnnxController,
    settings: Settings,
    stop: OperatorStop,
    *,
    keep_going: bool = False,
) -> EpisodesReport:
    """Run the episodes."""
    thresholds = MonitorThresholds.of_controller(controller.metadata.thresholds)
    if thresholds is None and settings.monitor != "off":
        print("this controller holds no calibrated thresholds: innovation is not watched")
    check_not_in_use(settings.record)
    with open_session(spec, settings.port, stop, settings.seed) as session:
        settle_faults(session, settings.clear_faults)
        plan = EpisodePlan(
            ticks=session.ticks(settings.seconds),
            folder=settings.record,
            kind="deploy",
            lineage=controller.metadata.lineage | {"controller": str(settings.controller)},
            monitor=settings.monitor,
            thresholds=thresholds,
            goal=settings.goal,
        )
        return run_episodes(
            session, controller, plan, settings.episodes, keep_going=keep_going, done=print_episode
        )
