"""The episodes of a report: every one in a table, the stopped ones drawn first."""

import html
from itertools import zip_longest
from pathlib import Path

import numpy as np

from robot_mbrl.analysis.effort import Effort, measure_effort
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.contract.task import Task
from robot_mbrl.data import Episode
from robot_mbrl.data.score import score_episode
from robot_mbrl.onboard import MonitorThresholds
from robot_mbrl.report import run_figures as figures
from robot_mbrl.report.html import Table, draw_table, section
from robot_mbrl.runs.run_folder import THRESHOLDS, RunFolder

MOST_DRAWN = 12
LEGEND = "Green: the task's goal holds. Red: where it was stopped; those episodes come first."
EFFORT = (
    "RMS of the command, and by how much it changes in a second (its total variation): over the "
    "whole episode / while the task's goal holds, where little is needed. A command that swings at "
    "rest heats motors and wears gears."
)


def episode_section(
    shown: dict[str, Episode], spec: RobotSpec, task: Task, folder: RunFolder
) -> list[str]:
    """Table, drawings and timing, as HTML."""
    if not shown:
        return ["<p class=note>No episodes were given.</p>"]
    limits: tuple[float, ...] = ()
    if folder.has(THRESHOLDS):
        limits = MonitorThresholds.from_json(folder.read_object(THRESHOLDS)).z_scale
    parts = ["<h2>Episodes</h2>", draw_table(episode_table(shown, task))]
    drawn = draw_order(shown)[:MOST_DRAWN]
    if len(drawn) < len(shown):
        parts.append(f"<p class=note>{len(drawn)} of {len(shown)} are drawn.</p>")
    parts.append(f"<p class=note>{html.escape(LEGEND)}</p>")
    for name in drawn:
        episode = shown[name]
        goal = np.asarray(task.at_goal(episode.observations), dtype=float)
        picture = figures.episode_figure(episode, spec, goal, limits)
        label = html.escape(f"{_folder_and_name(name)}: {end_of(episode)}")
        parts.append(f"<details open><summary>{label}</summary>{picture}</details>")
    timed = [e for e in shown.values() if len(e)]
    parts.append(section("Timing", figures.timing_histogram(timed, spec)))
    return parts


def draw_order(shown: dict[str, Episode]) -> list[str]:
    """Names of the episodes that can be drawn: the stopped ones, then the others, of each folder in
    turn, so that none is left out because another has many."""
    names = [n for n, e in shown.items() if len(e) >= 2]
    stopped = [n for n in names if was_stopped(shown[n])]
    folders: dict[Path, list[str]] = {}
    for name in names:
        if not was_stopped(shown[name]):
            folders.setdefault(Path(name).parent, []).append(name)
    return stopped + [n for row in zip_longest(*folders.values()) for n in row if n is not None]


def was_stopped(episode: Episode) -> bool:
    """Whether it did not end by itself."""
    return episode.stop_reason != StopReason.FINISHED.value


def end_of(episode: Episode) -> str:
    """Why it ended."""
    return episode.stop_reason or "cut: no footer"


def episode_table(shown: dict[str, Episode], task: Task) -> Table:
    """One row an episode, and how much its commands swing."""
    head = ["episode", "kind", "length", "success", "return", "end"]
    units = [f"{a['name']}, {a['unit']}" for a in next(iter(shown.values())).metadata.actions]
    head += [
        f"{kind} ({unit}{per})" for unit in units for kind, per in (("RMS", ""), ("swing", "/s"))
    ]
    rows = tuple(_episode_row(name, episode, task) for name, episode in shown.items())
    return Table(tuple(head), rows, EFFORT)


def _episode_row(name: str, episode: Episode, task: Task) -> tuple[str, ...]:
    score = score_episode(episode, task)
    seconds = len(episode) / episode.metadata.rate_hz
    goal = np.asarray(task.at_goal(episode.observations), dtype=bool)
    whole = measure_effort(episode, np.ones(len(episode), bool))
    at_goal = measure_effort(episode, goal)
    return (
        _folder_and_name(name),
        episode.metadata.kind,
        f"{seconds:.1f} s",
        "yes" if score.success else "no",
        f"{score.returns:.1f}",
        end_of(episode),
        *_effort_cells(whole, at_goal),
    )


def _effort_cells(whole: Effort, at_goal: Effort) -> list[str]:
    pairs = (
        (getattr(whole, kind)[a], getattr(at_goal, kind)[a])
        for a in range(len(whole.rms))
        for kind in ("rms", "variation_per_s")
    )
    return [" / ".join(f"{x:.3g}" if np.isfinite(x) else "-" for x in pair) for pair in pairs]


def _folder_and_name(path: str) -> str:
    return "/".join(Path(path).parts[-2:])
