"""A page about a run that was played again in simulation."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.report.drawing import BLUE, GREY, ORANGE, OUTSIDE, draw
from robot_mbrl.report.html import Table, draw_table, section, write_page

WIDTH, HEIGHT = 9.0, 2.2


@dataclass(frozen=True)
class Line:
    """Angles (T,) in rad at moments (T,) in s."""

    time_s: FloatArray
    angle_rad: FloatArray


@dataclass(frozen=True)
class JointReplay:
    """What is drawn of one joint.

    Attributes:
        name: of the joint.
        measured: a line for each segment.
        played: the same segments, from their first state on.
        restarted: windows one after the other, each from a measured state.
        growth_rad: RMS error after 1..K ticks from a measured state, (K,).
    """

    name: str
    measured: Sequence[Line]
    played: Sequence[Line]
    restarted: Sequence[Line]
    growth_rad: FloatArray


def write_replay(
    out: Path,
    title: str,
    notes: Sequence[str],
    table: Table,
    joints: Sequence[JointReplay],
    dt: float,
) -> None:
    """Write the page, dt seconds a tick; raises DataError."""
    ticks = len(joints[0].growth_rad)
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts += [f"<p class=note>{html.escape(note)}</p>" for note in notes]
    parts += [draw_table(table)]
    for joint in joints:
        picture = draw(lambda f, joint=joint: _paths(f, joint), WIDTH, HEIGHT)  # type: ignore[misc]
        parts.append(section(joint.name, picture))
    note = f"RMS over all windows, up to {ticks} ticks ({ticks * dt:.2g} s) from a measured state."
    growth = draw(lambda f: _growth(f, joints, dt), WIDTH / 2, HEIGHT)
    parts.append(section("How the error grows", growth, note))
    write_page(out, title, parts)


def _paths(figure: Figure, joint: JointReplay) -> None:
    axes = figure.subplots()
    for label, lines, color, width in (
        ("measured", joint.measured, GREY, 2.5),
        ("played from the start", joint.played, ORANGE, 1.0),
        ("restarted from measurements", joint.restarted, BLUE, 1.0),
    ):
        for k, line in enumerate(lines):
            axes.plot(
                line.time_s, line.angle_rad, color=color, lw=width, label=None if k else label
            )
    angles = np.concatenate([line.angle_rad for line in (*joint.measured, *joint.restarted)])
    margin = 0.1 + 0.3 * np.ptp(angles)  # what is played may spin off the page
    axes.set_ylim(angles.min() - margin, angles.max() + margin)
    axes.set(xlabel="s", ylabel="rad")
    axes.legend(**OUTSIDE)


def _growth(figure: Figure, joints: Sequence[JointReplay], dt: float) -> None:
    axes = figure.subplots()
    for joint in joints:
        time = dt * np.arange(len(joint.growth_rad) + 1)
        axes.plot(time, [0.0, *joint.growth_rad], label=joint.name)
    axes.set(xlabel="s", ylabel="rad")
    axes.legend(**OUTSIDE)
