"""`robot-mbrl replay`: a recorded run, played in simulation beside what was measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table as Printed

from calibration.replay import (
    ReplayedSegment,
    one_after_the_other,
    replay_segment,
    replay_windows,
)
from launch.verb import Outcome, Verb
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.calibration import load_calibration
from robot_mbrl.contract.errors import ContractMismatchError, SettingsError
from robot_mbrl.data import Episode, Segment, Windows, read_episode
from robot_mbrl.models.judging.open_loop import OpenLoopError, increments_error
from robot_mbrl.report.html import Table
from robot_mbrl.report.replay_page import JointReplay, Line, write_replay


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Play a recorded or imported episode in simulation, before any training: its commands, from
    the state in which it began. The error against what was measured says how well the robot folder
    describes the machine; robot.toml and URDF are to be corrected until it is small.

    Two errors of each joint: played from the start to the end, where small ones add up (a pendulum
    that falls to the other side never comes back); and restarted from every measured state, after
    `--window` ticks. A page shows both.
    """

    sim: Path
    """the episode to play in simulation, an .mcap of deploy, collect or import-log; simulation is
    the only place where episodes are replayed, and the flag says so"""
    robot: str | None = None
    """built-in robot or robot folder; the built-in one that the episode names by default"""
    backend: Literal["mujoco", "pybullet"] = "mujoco"
    """the engine"""
    window: int = 25
    """ticks from a measured state to where the error is taken; 25 are 0.5 s at 50 Hz"""
    calibration: Path | None = None
    """.toml or .json of what was measured on this machine"""
    out: Path | None = None
    """the page to write; by default beside the episode, EPISODE.replay.html"""
    recover: bool = False
    """read an episode that was cut up to its last tick"""


def run(settings: Settings) -> Outcome:
    """Play, print a table, write the page."""
    if settings.window < 1:
        raise SettingsError(f"--window: expected 1 tick or more, got {settings.window}")
    episode = read_episode(settings.sim, recover=settings.recover)
    spec, notes = recorded_robot(episode, settings)
    segments = episode.segments()
    windows = Windows.cut(segments, settings.window)
    dq = replay_windows(spec, windows, backend=settings.backend)
    error = increments_error(ObservationLayout.from_spec(spec), windows, dq)
    played = [replay_segment(spec, s, backend=settings.backend) for s in segments]
    rows = measures(spec, error, played)
    print_measures(rows, settings.window, len(windows))
    for note in notes:
        print(note)
    out = settings.out or settings.sim.with_suffix(".replay.html")
    drawn = joints_of(spec, segments, played, error, settings)
    title = f"{settings.sim.name} in {settings.backend}"
    write_replay(out, title, notes, page_table(rows), drawn, spec.control.dt)
    print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")
    return Outcome(
        {
            "robot": spec.name,
            "backend": settings.backend,
            "ticks": sum(map(len, segments)),
            "segments": len(segments),
            "windows": len(windows),
            "window": settings.window,
            "joints": rows,
            "pooled": error.summary(),
            "path": out,
        }
    )


def recorded_robot(episode: Episode, settings: Settings) -> tuple[RobotSpec, list[str]]:
    """The robot of an episode, and what is to be said of it.

    Raises ContractMismatchError for one with other joints, actuators or control rate.
    """
    header = episode.metadata
    spec = load_robot(settings.robot or header.robot)
    if settings.calibration is not None:
        spec = spec.with_calibration(load_calibration(settings.calibration, spec))
    for what, recorded, described in (
        ("joints", header.joints, tuple(joint.name for joint in spec.joints)),
        ("observation columns", header.columns, ObservationLayout.from_spec(spec).columns),
        ("control rate", header.rate_hz, spec.control.rate_hz),
        ("actuators", header.actions, tuple(_action(a) for a in spec.actuators)),
    ):
        if recorded != described:
            raise ContractMismatchError(
                f"{settings.sim}: {what} {recorded!r:.200}, the robot {spec.name!r} has "
                f"{described!r:.200}; give the folder of the robot that was recorded, --robot"
            )
    other = header.fingerprint != spec.fingerprint
    notes = [f"The description of {spec.name!r} has changed since the recording."] if other else []
    return spec, notes


def _action(actuator: Any) -> dict[str, Any]:
    return {"name": actuator.name, "unit": actuator.unit, "limit": actuator.limit}


def measures(
    spec: RobotSpec, error: OpenLoopError, played: list[ReplayedSegment]
) -> list[dict[str, Any]]:
    """The numbers of each joint."""
    astray = np.concatenate([p.simulated_rad - p.measured_rad for p in played])
    paths = np.concatenate([p.measured_rad for p in played])
    q, v = error.position_rad[:, -1], error.velocity_rad_s[:, -1]
    return [
        {
            "joint": joint.name,
            "unit": joint.unit,
            "moved_rad": float(np.ptp(paths[:, j])),
            "whole_rms_rad": _rms(astray[:, j]),
            "window_rms_rad": _rms(q[:, j]),
            "window_rms_rad_s": _rms(v[:, j]),
            "window_median_rad": float(np.median(np.abs(q[:, j]))),
            "window_median_rad_s": float(np.median(np.abs(v[:, j]))),
        }
        for j, joint in enumerate(spec.joints)
    ]


def _rms(error: FloatArray) -> float:
    return float(np.sqrt(np.mean(error**2)))


HEADS = {
    "moved_rad": "moved over, rad",
    "whole_rms_rad": "whole run, RMS rad",
    "window_rms_rad": "window, RMS rad",
    "window_rms_rad_s": "RMS rad/s",
    "window_median_rad": "median rad",
    "window_median_rad_s": "median rad/s",
}


def print_measures(rows: list[dict[str, Any]], ticks: int, windows: int) -> None:
    """A row a joint."""
    table = Printed(title=f"Error of the simulation; {windows} windows of {ticks} ticks")
    table.add_column("joint")
    for head in HEADS.values():
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(_shown(row), *(f"{row[name]:.4f}" for name in HEADS))
    Console(width=120).print(table)


def _shown(row: dict[str, Any]) -> str:
    """The joint, and that it slides: its numbers are in m where the heads say rad."""
    return row["joint"] if row["unit"] == "rad" else f"{row['joint']} (m for rad)"


def page_table(rows: list[dict[str, Any]]) -> Table:
    """The same for the page."""
    cells = tuple((_shown(row), *(f"{row[name]:.4f}" for name in HEADS)) for row in rows)
    return Table(("joint", *HEADS.values()), cells)


def joints_of(
    spec: RobotSpec,
    segments: list[Segment],
    played: list[ReplayedSegment],
    error: OpenLoopError,
    settings: Settings,
) -> list[JointReplay]:
    """What is drawn, the segments one after the other."""
    dt, ticks = spec.control.dt, settings.window
    begins = dt * np.cumsum([0, *(len(s) for s in segments)])
    cut = {id(s): w for s in segments for w in one_after_the_other([s], ticks)}
    restarts = [
        (p.measured_rad, begin, replay_windows(spec, cut[id(s)], backend=settings.backend))
        for s, p, begin in zip(segments, played, begins, strict=False)
        if id(s) in cut
    ]
    return [
        JointReplay(
            joint.name,
            [_line(p.measured_rad[:, j], b, dt) for p, b in zip(played, begins, strict=False)],
            [_line(p.simulated_rad[:, j], b, dt) for p, b in zip(played, begins, strict=False)],
            [
                _line(
                    np.cumsum([measured[k * ticks, j], *window[:, j]]), begin + k * ticks * dt, dt
                )
                for measured, begin, dq in restarts
                for k, window in enumerate(dq)
            ],
            error.rms_rad[:, j],
        )
        for j, joint in enumerate(spec.joints)
    ]


def _line(angle: FloatArray, begin_s: float, dt: float) -> Line:
    time_s: FloatArray = begin_s + dt * np.arange(len(angle), dtype=np.float64)
    return Line(time_s, angle)
