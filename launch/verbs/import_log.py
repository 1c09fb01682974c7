"""`robot-mbrl import-log`: measured CSV logs become episodes."""

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.verb import Outcome, Verb
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import LogColumns, import_csv, read_episode


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Turn measured CSV logs of a robot with one joint and one actuator into episodes.

    Each file becomes one .mcap of the same name, laid on the robot's control grid. An error leaves
    no half-written episode and touches no existing one.
    """

    robot: str
    """built-in robot or robot folder"""
    csv: tuple[Path, ...]
    """the files; beside RUN.measured.csv a RUN.desired.csv may hold the commands"""
    out: Path = Path("episodes")
    """folder for the episode files"""
    columns: Annotated[LogColumns, tyro.conf.arg(name="column")] = field(default_factory=LogColumns)
    """names of the columns"""
    torque: Literal["auto", "measured", "commanded"] = "auto"
    """which torque is the action: the measured file's, the desired file's, or what fits"""


def run(settings: Settings) -> Outcome:
    """Import and print one line a file."""
    spec = load_robot(settings.robot)
    if not settings.csv:
        raise DataError("--csv names no file")
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    files = import_csv(
        settings.csv,
        spec,
        settings.out,
        created=created,
        columns=settings.columns,
        torque_source=settings.torque,
    )
    rows = []
    for path in files:
        episode = read_episode(path)
        extra = episode.metadata.extra
        rows.append({"path": path, "ticks": len(episode), "segments": len(episode.segments())})
        note = (
            f", {extra['over_limit_ticks']} beyond the limit" if extra["over_limit_ticks"] else ""
        )
        print(f"{path}: {len(episode)} ticks, torque {extra['torque']}{note}")
    return Outcome({"episodes": rows})
