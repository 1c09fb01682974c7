"""`robot-mbrl collect`: episodes to learn from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from launch.latched_faults import settle_faults
from launch.operator_stop import OperatorStop, open_session
from launch.terminal import print_calibration, print_end, print_episode
from launch.verb import OK, SAFETY_STOP, Outcome, Verb
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import calibrate
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.files.folder_lock import check_not_in_use
from robot_mbrl.onboard import (
    Controller,
    EpisodePlan,
    EpisodesReport,
    ExploringController,
    MonitorThresholds,
    OnnxController,
    RandomController,
    load_for_robot,
    run_episodes,
)


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Record episodes to learn from, with the way home in between.

    Noise is added to the controller's action in front of the supervisor, which guards as always.
    The monitors only take notes: the model may still be wrong, that is why one collects.
    """

    port: str
    """device path, pyserial URL, or `mock` / `mock:REALITY`"""
    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    calibration: Path | None = None
    """.toml or .json of what was measured on this robot, joint offsets above all; the one the
    controller holds by default"""
    controller: Path | None = None
    """controller.onnx; not needed with --policy random"""
    policy: Literal["controller", "random"] = "controller"
    """who acts: the controller, or noise alone for the first data of a robot"""
    episodes: int = 5
    """how many"""
    seconds: float | None = None
    """length of an episode; the task's by default"""
    exploration: float | None = None
    """standard deviation of the noise, in action units; 0.1 with a controller, 0.5 without"""
    out: Path = Path("episodes")
    """folder for the episode files"""
    monitor: Literal["stop", "watch", "off"] = "watch"
    """what innovation and disagreement do: stop the robot, only be noted, or nothing"""
    keep_going: bool = False
    """go home and on after a stop by a limit or a monitor; other stops always end"""
    clear_faults: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """clear what the device has latched, such as its watchdog after a kill; find the cause first"""
    seed: int = 0
    """of the noise, and of an in-process mock"""


def run(settings: Settings) -> Outcome:
    """Collect and print what happened."""
    with OperatorStop() as stop:
        spec, controller = choose(settings)
        print_calibration(spec, settings.calibration)
        report = collect(spec, controller, settings, stop)
    print_end(report, spec.name)
    head = {"robot": spec.name, "joint_offset_rad": spec.offsets_rad}
    return Outcome(head | report.to_json(), SAFETY_STOP if report.stop else OK)


def choose(settings: Settings) -> tuple[RobotSpec, OnnxController | None]:
    """The robot and who drives it; raises SettingsError when something is left out."""
    if settings.policy == "random":
        if settings.robot is None:
            raise SettingsError("--policy random needs --robot NAME or folder")
        return calibrate(load_robot(settings.robot), settings.calibration), None
    if settings.controller is None:
        raise SettingsError("collect needs --controller FILE, or --policy random for noise alone")
    return load_for_robot(
        settings.controller, settings.robot, seed=settings.seed, calibration=settings.calibration
    )


def collect(
    spec: RobotSpec, controller: OnnxController | None, settings: Settings, stop: OperatorStop
) -> EpisodesReport:
    """Run the episodes."""
    check_not_in_use(settings.out)
    with open_session(spec, settings.port, stop, settings.seed) as session:
        settle_faults(session, settings.clear_faults)
        thresholds = controller.metadata.thresholds if controller else {}
        plan = EpisodePlan(
            ticks=session.ticks(settings.seconds),
            folder=settings.out,
            kind="collect",
            lineage=controller.metadata.lineage if controller else {},
            extra={"policy": settings.policy, "exploration": sigma(settings)},
            monitor=settings.monitor,
            thresholds=MonitorThresholds.of_controller(thresholds),
        )
        return run_episodes(
            session,
            explorer(spec, controller, settings),
            plan,
            settings.episodes,
            keep_going=settings.keep_going,
            done=print_episode,
        )


def sigma(settings: Settings) -> float:
    """Standard deviation of the noise."""
    if settings.exploration is not None:
        return settings.exploration
    return 0.5 if settings.policy == "random" else 0.1


def explorer(spec: RobotSpec, controller: OnnxController | None, settings: Settings) -> Controller:
    """The controller with its noise, or noise alone."""
    rng = np.random.default_rng(settings.seed)
    size = len(spec.actuators)
    if controller is None:
        columns = ObservationLayout.from_spec(spec).size
        return RandomController(columns, size, sigma(settings), rng)
    if sigma(settings) == 0:
        return controller
    return ExploringController(controller, size, sigma(settings), rng)
