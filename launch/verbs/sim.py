"""`robot-mbrl sim`: one simulated episode to look at, or what [randomization] draws."""

import math
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, field, fields
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
from robot_mbrl.contract.description.calibration import load_calibration
from robot_mbrl.contract.description.randomization_table import RandomizationRow, randomization_rows
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.noise import CorrelatedNoise
from robot_mbrl.envs.robot_env import RobotEnv
from robot_mbrl.onboard import OnnxController, load_for_robot
from sim.rendering.movie import find_ffmpeg, write_gif, write_mp4

Act = Callable[[np.ndarray], np.ndarray]
VIDEO_HZ, GIF_HZ = 50.0, 25.0


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Run one episode in simulation, with a controller or noise, and show it. Files need no screen.

    The supervisor judges it as it judges the real robot.
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


@dataclass
class Shown:
    """One episode: frames for each file, and how it went."""

    frames: dict[Path, list[np.ndarray]] = field(default_factory=dict)
    ticks: int = 0
    held: int = 0
    returns: float = 0.0
    stop_reason: str | None = None
    message: str = ""


def run(settings: Settings) -> Outcome:
    """Show the randomization, or an episode."""
    spec, controller = choose(settings)
    if settings.calibration is not None:
        spec = spec.with_calibration(load_calibration(settings.calibration, spec))
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
    try:
        shown = run_episode(env, actor(spec, controller, settings), settings)
    finally:
        env.close()
    for path, frames in shown.frames.items():
        write = write_gif if path == settings.gif else write_mp4
        write(path, frames, rate_of(path, settings, spec))
        print(f"{path}: {len(frames)} pictures")
    return tell(env, shown, settings)


def choose(settings: Settings) -> tuple[RobotSpec, OnnxController | None]:
    """The robot and who drives it."""
    if settings.controller is not None:
        return load_for_robot(settings.controller, settings.robot, seed=settings.seed)
    return load_robot(settings.robot or "furuta"), None


def check_files(settings: Settings) -> None:
    """Before anything is computed: names, folders and programs. Raises DataError."""
    for path, suffix in ((settings.video, ".mp4"), (settings.gif, ".gif")):
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            raise DataError(f"{path}: expected a name that ends in {suffix}")
        if not path.absolute().parent.is_dir():
            raise DataError(f"{path}: its folder does not exist")
    if settings.video:
        find_ffmpeg()
    if settings.view and (settings.video or settings.gif):
        raise DataError("--view shows a window, --video and --gif write files: choose one of them")
    if min(settings.size) < 16 or max(settings.size) > 4096 or any(n % 2 for n in settings.size):
        raise DataError(f"--size: expected even numbers from 16 to 4096, got {settings.size}")
    if settings.seconds is not None and not 0 < settings.seconds <= 3600:
        raise DataError(f"--seconds: expected more than 0 and at most 3600, got {settings.seconds}")


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


def run_episode(env: RobotEnv, act: Act, settings: Settings) -> Shown:
    """Drive until the episode ends, keeping the pictures that the files need."""
    shown, done = Shown(), False
    every = {
        path: ticks_per_frame(path, settings, env.robot)
        for path in (settings.video, settings.gif)
        if path
    }
    shown.frames = {path: [] for path in every}
    obs, _ = env.reset(seed=settings.seed)
    with progress("sim") as report:
        while not done:
            due = [path for path, ticks in every.items() if shown.ticks % ticks == 0]
            if due and (picture := env.render()) is not None:
                for path in due:
                    shown.frames[path].append(picture)
            obs, reward, terminated, truncated, info = env.step(act(obs))
            done = terminated or truncated
            shown.ticks += 1
            shown.returns += reward
            shown.held = shown.held + 1 if env.task.at_goal(obs) else 0
            shown.stop_reason = info.get("stop_reason")
            shown.message = info.get("message", "task terminated" if terminated else "")
            if shown.ticks % 10 == 0:
                report("episode", shown.ticks, env.max_steps, {})
    return shown


def ticks_per_frame(path: Path, settings: Settings, spec: RobotSpec) -> int:
    """Ticks between two pictures of a file."""
    most = GIF_HZ if path == settings.gif else VIDEO_HZ
    return math.ceil(spec.control.rate_hz / most)


def rate_of(path: Path, settings: Settings, spec: RobotSpec) -> float:
    """Pictures per second of a file."""
    return spec.control.rate_hz / ticks_per_frame(path, settings, spec)


def tell(env: RobotEnv, shown: Shown, settings: Settings) -> Outcome:
    """Print how the episode went."""
    rate = env.robot.control.rate_hz
    success = not shown.message and shown.held >= round(env.task.hold_s * rate)
    result = {
        "robot": env.robot.name,
        "success": success,
        "return": shown.returns,
        "seconds": shown.ticks / rate,
        "at_goal_s": shown.held / rate,
        "stop_reason": shown.stop_reason,
        "video": settings.video,
        "gif": settings.gif,
    }
    ended = shown.message or ("reached the goal" if success else "did not reach the goal")
    print(
        f"{env.robot.name}: {shown.ticks / rate:.1f} s, return {shown.returns:.1f}, {ended} "
        f"(at the goal for the last {shown.held / rate:.1f} s, needs {env.task.hold_s:g})"
    )
    return Outcome(result)


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
