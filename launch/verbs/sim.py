"""`robot-mbrl sim`: one simulated episode to watch, or what [randomization] draws."""

from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich import box
from rich.console import Console
from rich.table import Table

import sim
from launch.terminal import progress
from launch.verb import Outcome, Verb
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import calibrate
from robot_mbrl.contract.description.randomization_table import RandomizationRow, randomization_rows
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.noise import CorrelatedNoise
from robot_mbrl.contract.task import Task
from robot_mbrl.onboard import OnnxController, load_for_robot
from sim.rendering.film import Act, Film, check_movie, film_episode


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Run one episode in simulation, with a controller or noise, and show it. Files need no screen.

    The supervisor guards it as it guards the real robot.
    """

    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    controller: Path | None = None
    """controller.onnx; without one, noise moves the robot"""
    video: Path | None = None
    """write an .mp4 here; needs the ffmpeg program"""
    gif: Path | None = None
    """write a .gif here"""
    view: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """open a window and run as fast as in life; needs a screen"""
    seconds: float | None = None
    """length of the episode; the task's by default"""
    nominal: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """the robot as described instead of one drawn from [randomization]"""
    exploration: float = 0.3
    """standard deviation of the noise that moves the robot without a controller, action units"""
    size: tuple[int, int] = (640, 480)
    """width and height of the pictures"""
    show_randomization: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """print what [randomization] draws, and end"""
    calibration: Path | None = None
    """.toml or .json of what was measured on one robot; worlds are drawn around it"""
    seed: int = 0
    """of the world and the noise"""


def run(settings: Settings) -> Outcome:
    """Show the randomization, or an episode."""
    spec, controller = robot_and_controller(settings)
    if settings.show_randomization:
        return show_randomization(spec)
    check_files(settings)
    env = sim.make_env(
        spec,
        randomize=not settings.nominal,
        seed=settings.seed,
        episode_s=settings.seconds,
        **rendering(spec, settings),
    )
    movies = [path for path in (settings.video, settings.gif) if path]
    try:
        with progress("sim") as report:
            act = actor(spec, controller, settings)
            film = film_episode(
                env,
                act,
                movies,
                rate_hz=spec.control.rate_hz,
                seed=settings.seed,
                progress=report,
            )
    finally:
        env.close()
    film.write()
    for path, frames in film.frames.items():
        print(f"{path}: {len(frames)} pictures")
    return print_film(spec, env.task, film, settings)


def robot_and_controller(settings: Settings) -> tuple[RobotSpec, OnnxController | None]:
    """The robot and who drives it."""
    if settings.controller is not None:
        return load_for_robot(
            settings.controller,
            settings.robot,
            seed=settings.seed,
            calibration=settings.calibration,
        )
    return calibrate(load_robot(settings.robot or "furuta"), settings.calibration), None


def check_files(settings: Settings) -> None:
    """Before anything is computed. Raises DataError for files, SettingsError for the rest."""
    for path, suffix in ((settings.video, ".mp4"), (settings.gif, ".gif")):
        if path is not None:
            check_movie(path, suffix)
    if settings.view and (settings.video or settings.gif):
        raise SettingsError("--view shows a window, --video and --gif write files: choose one")
    if min(settings.size) < 16 or max(settings.size) > 4096 or any(n % 2 for n in settings.size):
        raise SettingsError(f"--size: expected even numbers from 16 to 4096, got {settings.size}")
    if settings.seconds is not None and not 0 < settings.seconds <= 3600:
        raise SettingsError(f"--seconds: expected 0 to 3600, more than 0, got {settings.seconds}")


def rendering(spec: RobotSpec, settings: Settings) -> dict[str, Any]:
    """Settings of an environment that draws, where a file or a window is asked for."""
    if settings.view:
        return {"render_mode": "human"}
    if not (settings.video or settings.gif):
        return {}
    return {"render_mode": "rgb_array", "draw": sim.Picture(spec, *settings.size).draw}


def actor(spec: RobotSpec, controller: OnnxController | None, settings: Settings) -> Act:
    """The controller, or noise around staying at home."""
    if controller is not None:
        controller.reset()
        return lambda obs: controller.act(obs.astype(np.float64)).action
    rng = np.random.default_rng(settings.seed)
    noise = CorrelatedNoise(len(spec.actuators), settings.exploration, rng)
    noise.reset()
    rest = [
        spec.joints[j].home_rad / a.limit if a.command == "position" else 0.0
        for a, j in zip(spec.actuators, spec.actuated, strict=True)
    ]
    return lambda obs: np.clip(rest + noise.sample(), -1, 1)


def print_film(spec: RobotSpec, task: Task, film: Film, settings: Settings) -> Outcome:
    """Print how the episode went."""
    seconds, held_s = film.ticks / film.rate_hz, film.held / film.rate_hz
    success = not film.message and film.held >= round(task.hold_s * film.rate_hz)
    ended = film.message or ("reached the goal" if success else "did not reach the goal")
    print(
        f"{spec.name}: {seconds:.1f} s, return {film.returns:.1f}, {ended} "
        f"(at the goal for the last {held_s:.1f} s, needs {task.hold_s:g})"
    )
    return Outcome(
        {
            "robot": spec.name,
            "success": success,
            "return": film.returns,
            "seconds": seconds,
            "at_goal_s": held_s,
            "stop_reason": film.stop_reason,
            "video": settings.video,
            "gif": settings.gif,
        }
    )


def show_randomization(spec: RobotSpec) -> Outcome:
    """Print the table."""
    rows = randomization_rows(spec)
    table = Table(box=box.SIMPLE, title=f"{spec.name}: what is drawn, and when")
    for column in fields(RandomizationRow):
        table.add_column(column.name, no_wrap=True)
    for row in rows:
        table.add_row(*astuple(row))
    # a table is for reading in a file as well: no line is cut at a terminal's width
    Console(width=200, highlight=False).print(table)
    return Outcome({"robot": spec.name, "randomization": [asdict(r) for r in rows]})
