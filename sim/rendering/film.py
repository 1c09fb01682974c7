"""One episode, with the pictures for as many movie files as are asked for."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.envs.robot_env import RobotEnv
from sim.rendering.movie import find_ffmpeg, write_gif, write_mp4

MOST_HZ = {".gif": 25.0, ".mp4": 50.0}
"""Pictures per second of a kind of file, at most."""
PROGRESS_EVERY = 10  # ticks

Act = Callable[[np.ndarray], np.ndarray]
Progress = Callable[[str, int, int, dict[str, float]], None]


@dataclass
class Film:
    """One episode: frames for each file, and how it went.

    Attributes:
        rate_hz: ticks per second.
        frames: pictures (height, width, 3) of uint8 by file.
        ticks: of the episode.
        held: of them, at the end, at the goal.
        returns: sum of rewards.
        stop_reason: of the supervisor, if it stopped.
        message: why it ended early; empty for a whole episode.
    """

    rate_hz: float
    frames: dict[Path, list[np.ndarray]] = field(default_factory=dict)
    ticks: int = 0
    held: int = 0
    returns: float = 0.0
    stop_reason: str | None = None
    message: str = ""

    def write(self) -> None:
        """Write every file. Raises SettingsError and DataError, see `write_mp4`."""
        for path, frames in self.frames.items():
            write = write_gif if path.suffix.lower() == ".gif" else write_mp4
            write(path, frames, self.rate_hz / ticks_per_frame(path, self.rate_hz))


def check_movie(path: Path, suffix: str) -> None:
    """Raise SettingsError for another suffix, a folder or an ffmpeg program that is not there."""
    if path.suffix.lower() != suffix:
        raise SettingsError(f"{path}: expected a name that ends in {suffix}")
    if not path.absolute().parent.is_dir():
        raise SettingsError(f"{path}: its folder does not exist")
    if suffix == ".mp4":
        find_ffmpeg()


def ticks_per_frame(path: Path, rate_hz: float) -> int:
    """Ticks between two pictures of a file."""
    return math.ceil(rate_hz / MOST_HZ[path.suffix.lower()])


def film_episode(
    env: RobotEnv,
    act: Act,
    movies: Sequence[Path],
    *,
    rate_hz: float,
    seed: int,
    progress: Progress,
) -> Film:
    """Drive until the episode ends, keeping the pictures that the files need.

    Args:
        env: renders pictures (height, width, 3) where there are movies.
        act: observation (O,) -> action (A,).
        movies: files; only their suffixes matter here.
        rate_hz: ticks per second of the environment.
        seed: of the episode.
        progress: hears of the ticks done.
    """
    film = Film(rate_hz, {path: [] for path in movies})
    obs, _ = env.reset(seed=seed)
    done = False
    while not done:
        _take_pictures(env, film)
        obs, reward, terminated, truncated, info = env.step(act(obs))
        done = terminated or truncated
        film.ticks += 1
        film.returns += reward
        film.held = film.held + 1 if env.task.at_goal(obs) else 0
        film.stop_reason = info["stop_reason"] or None
        film.message = info["message"] or ("task terminated" if terminated else "")
        if film.ticks % PROGRESS_EVERY == 0:
            progress("episode", film.ticks, env.max_steps, {})
    return film


def _take_pictures(env: RobotEnv, film: Film) -> None:
    due = [p for p in film.frames if film.ticks % ticks_per_frame(p, film.rate_hz) == 0]
    if due and (picture := env.render()) is not None:
        for path in due:
            film.frames[path].append(picture)
