"""`robot-mbrl deploy`: a controller drives a robot at its control rate, supervised and recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from launch.episodes import EpisodesReport, print_end, run_episodes
from launch.operator_stop import OperatorStop
from launch.session import EpisodePlan, Session
from launch.verb import Outcome, Verb
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import DataError, SpecError
from robot_mbrl.onboard import Controller, MonitorThresholds, load_controller


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
    seed: int = 0
    """of the planner's noise, the goals drawn, and of an in-process mock"""


def run(settings: Settings) -> Outcome:
    """Deploy and print what happened."""
    with OperatorStop() as stop:
        spec, controller = load(settings.controller, settings.robot, settings.seed)
        report = deploy(spec, controller, settings, stop)
    print_end(report, spec.name)
    return Outcome({"robot": spec.name} | report.to_json(), report.exit_code)


def deploy(
    spec: RobotSpec,
    controller: Controller,
    settings: Settings,
    stop: OperatorStop,
    *,
    keep_going: bool = False,
) -> EpisodesReport:
    """Run the episodes."""
    thresholds = thresholds_of(controller)
    if thresholds is None and settings.monitor != "off":
        print("this controller holds no calibrated thresholds: innovation is not watched")
    with Session(spec, settings.port, stop, settings.seed) as session:
        plan = EpisodePlan(
            ticks=ticks(settings.seconds, session.task.episode_s, spec),
            folder=settings.record,
            kind="deploy",
            lineage=controller.metadata.lineage | {"controller": str(settings.controller)},
            monitor=settings.monitor,
            thresholds=thresholds,
            goal=settings.goal,
        )
        return run_episodes(session, controller, plan, settings.episodes, keep_going=keep_going)


def load(path: Path, robot: str | None, seed: int) -> tuple[RobotSpec, Controller]:
    """A controller and the robot it is for, checked against each other."""
    name = robot or load_controller(path).metadata.robot
    try:
        spec = load_robot(name)
    except SpecError as error:
        if robot is None:
            error.add_note(f"{path} names robot {name!r}; pass its folder with --robot")
        raise
    return spec, load_controller(path, spec, seed=seed)


def thresholds_of(controller: Controller) -> MonitorThresholds | None:
    """The thresholds in a controller's metadata, None where it was exported without."""
    values = controller.metadata.thresholds
    return MonitorThresholds.from_json(values) if values else None


def ticks(seconds: float | None, default_s: float, spec: RobotSpec) -> int:
    """Length of an episode in ticks; raises DataError for less than two."""
    count = round((default_s if seconds is None else seconds) * spec.control.rate_hz)
    if count < 2:
        raise DataError(f"--seconds {seconds}: expected at least {2 * spec.control.dt:g} s")
    return count
