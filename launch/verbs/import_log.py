"""`robot-mbrl import-log`: measured CSV logs become episodes."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from launch.verb import Outcome, Verb
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import Episode, import_csv, read_columns, read_episode


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Turn measured CSV logs of a robot into episodes.

    Each file becomes one .mcap of the same name, laid on the robot's control grid: a command holds
    until the next row, positions are interpolated between rows at most three control periods
    apart; what lies further apart is left out, and counted. Nothing to keep is an error. An error
    leaves no half-written episode and touches no existing one.
    """

    robot: str
    """built-in robot or robot folder"""
    csv: tuple[Path, ...]
    """the files; beside RUN.measured.csv a RUN.desired.csv may hold the commands"""
    out: Path = Path("episodes")
    """folder for the episode files"""
    columns: Path | None = None
    """a .toml that says which column is which: time, time_unit (s, ms, us, ns), [positions] of the
    joints, [commanded] or [measured] of the actuators; found by name by default: time,
    JOINT.position, ACTUATOR.command, ACTUATOR.torque, without the name where there is only one"""
    actions: Literal["auto", "measured", "commanded"] = "auto"
    """what was asked of the actuators or what they did, as measured; auto: the commands if there
    are any, unless they are only a feed-forward beside a desired trajectory"""


def run(settings: Settings) -> Outcome:
    """Import, and print what was kept and left out of each file."""
    spec = load_robot(settings.robot)
    if not settings.csv:
        raise DataError("--csv names no file")
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    columns = read_columns(settings.columns, spec) if settings.columns else None
    files = import_csv(
        settings.csv,
        spec,
        settings.out,
        created=created,
        columns=columns,
        source=settings.actions,
    )
    return Outcome({"episodes": [tell(read_episode(path)) for path in files]})


def tell(episode: Episode) -> dict[str, Any]:
    """Print what became of a log; the same as plain values."""
    extra, ticks = episode.metadata.extra, len(episode)
    learned = sum(len(segment) for segment in episode.segments())
    print(
        f"{episode.path}: {ticks} of {extra['possible_ticks']} ticks, {learned} of them to learn "
        f"from; actions are what was {extra['actions']}"
    )
    for what in extra["dropped"]:
        print(f"  left out: {what}")
    if extra["over_limit_ticks"]:
        print(f"  not to learn from: {extra['over_limit_ticks']} commands beyond the limit")
    return {
        "path": episode.path,
        "ticks": ticks,
        "possible_ticks": extra["possible_ticks"],
        "learned_ticks": learned,
        "segments": len(episode.segments()),
        "rows": extra["rows"],
        "dropped": extra["dropped"],
        "over_limit_ticks": extra["over_limit_ticks"],
        "actions": extra["actions"],
    }
