"""Figures of an analysis; colours as in drawing.py."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from robot_mbrl.analysis.coverage import CoverageReport
from robot_mbrl.analysis.growth import ErrorGrowth
from robot_mbrl.analysis.lineage_error import TICKS, LineageError
from robot_mbrl.analysis.novelty import Novelty
from robot_mbrl.analysis.returns import ReturnError
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.report.drawing import BLUE, GREEN, GREY, JOINT_COLORS, ORANGE, RED, draw
from robot_mbrl.report.joint_units import SHOWN, axis_label

NOTHING_ABOVE = 1e-9


def growth_figure(growth: ErrorGrowth) -> str:
    """Error against ticks ahead, one panel a column, one thin line a member."""
    ticks, columns = np.arange(1, len(growth.mean) + 1), len(growth.columns)

    def plot(figure: Figure) -> None:
        panels = figure.subplots(2, columns // 2, squeeze=False, sharex=True).ravel()
        for c, (axes, name) in enumerate(zip(panels, growth.columns, strict=True)):
            for e, member in enumerate(growth.members):
                style = "-" if e in growth.elites else ":"
                axes.plot(ticks, member[:, c], style, color=ORANGE, lw=0.8, alpha=0.8)
            axes.plot(ticks, growth.constant_velocity[:, c], "--", color=GREY)
            axes.plot(ticks, growth.mean[:, c], color=BLUE, lw=2)
            axes.set(title=name, yscale="log")
            if c >= columns // 2:
                axes.set_xlabel("ticks ahead")
        lines = [("elites' mean", BLUE, "-"), ("single members", ORANGE, "-")]
        lines.append(("constant velocity", GREY, "--"))
        for name, color, style in lines:
            panels[0].plot([], [], style, color=color, label=name)
        panels[0].legend(frameon=False, loc="lower right")
        figure.supylabel("error, root mean square", fontsize=9)

    return draw(plot, 9, 4.8)


def return_figure(returns: ReturnError) -> str:
    """Error of the planner's estimate against its horizon."""
    horizon = np.arange(1, len(returns.with_value) + 1)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(horizon, returns.without_value, "--", color=GREY, label="summed reward alone")
        axes.plot(horizon, returns.with_value, color=BLUE, lw=2, label="with terminal value")
        axes.plot(
            horizon, returns.policy_acts, color=ORANGE, lw=2, label="with value, the policy acts"
        )
        axes.plot(
            horizon, returns.true_states, color=GREEN, lw=1, label="with value, at the true states"
        )
        axes.axhline(returns.true_spread, color=GREY, lw=0.8, ls=":")
        axes.annotate(" knowing nothing", (1, returns.true_spread), color=GREY, va="bottom")
        _mark_best(axes, returns.with_value, BLUE, above=True)
        _mark_best(axes, returns.policy_acts, ORANGE, above=False)
        errors = np.concatenate([returns.policy_acts, returns.true_states, [np.inf]])
        bottom = 0.6 * errors.min()
        axes.set(xlabel="horizon (ticks)", ylabel="error of the return", yscale="log")
        if math.isfinite(bottom):
            axes.set_ylim(bottom=max(bottom, NOTHING_ABOVE))
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

    return draw(plot, 9, 3.2)


def _mark_best(axes: Axes, error: FloatArray, color: str, *, above: bool) -> None:
    best = int(np.argmin(error))
    axes.plot([best + 1], [error[best]], "o", color=color)
    axes.annotate(
        f"best: {best + 1}", (best + 1, error[best]), color=color,
        xytext=(0, 7 if above else -7), textcoords="offset points",
        ha="left", va="bottom" if above else "top",
    )  # fmt: skip


def novelty_figure(novelty: Novelty) -> str:
    """Left: disagreement of each set of states. Right: error against disagreement."""

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
        _plot_sets(left, novelty)
        right.plot(novelty.bin_disagreement, novelty.bin_error, "o-", color=BLUE, label="error")
        right.plot(
            novelty.bin_disagreement, novelty.bin_z, "s--", color=GREY, label="error / predicted"
        )
        right.axhline(1.0, color=GREY, lw=0.8, ls=":")
        right.set(xscale="log", yscale="log", xlabel="disagreement (tenths of held-out ticks)")
        right.set_ylabel("root mean square")
        right.xaxis.set_minor_formatter(NullFormatter())  # labels of one decade overlap
        right.legend(frameon=False)

    return draw(plot, 9, 3.4)


def _plot_sets(axes: Axes, novelty: Novelty) -> None:
    """One row a set: 5 to 95 %, quartiles and median on a log axis."""
    for row, (name, quantiles) in enumerate(zip(novelty.names, novelty.quantiles, strict=True)):
        low, first, median, third, high = quantiles
        color = GREY if name == "replay buffer" else BLUE if name == "held out" else ORANGE
        axes.plot([low, high], [row, row], color=color, lw=1)
        axes.plot([first, third], [row, row], color=color, lw=6, solid_capstyle="butt")
        axes.plot([median], [row], "|", color="white", ms=8, mew=2)
    axes.set_yticks(range(len(novelty.names)), novelty.names)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="disagreement (5, 25, 50, 75, 95 %)")
    if math.isfinite(novelty.limit):
        axes.axvline(novelty.limit, color=RED, lw=1.2)
        axes.annotate(
            "limit ", (novelty.limit, 1.0), xycoords=("data", "axes fraction"), color=RED,
            ha="right", va="bottom",
        )  # fmt: skip


def coverage_figure(coverage: CoverageReport) -> str:
    """Share of ticks within predicted intervals against their nominal share, one panel a joint."""
    levels = 100 * np.array(coverage.levels)
    lines = (
        ("network alone", coverage.network, GREY, ":"),
        ("as the run scales it", coverage.run, GREY, "--"),
        ("calibrated", coverage.calibrated, BLUE, "-"),
    )

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(coverage.joints), squeeze=False)[0]
        for j, (axes, joint) in enumerate(zip(panels, coverage.joints, strict=True)):
            axes.plot([0, 100], [0, 100], color="black", lw=0.6)
            for name, version, color, style in lines:
                label = f"{name}: {version.at_level[j]:.1%}"
                axes.plot(levels, 100 * version.curve[:, j], style, color=color, label=label)
            axes.axvline(100 * coverage.level, color=RED, lw=0.8)
            axes.set(title=joint, xlabel="nominal (%)", xlim=(0, 100), ylim=(0, 100))
            title = f"at {coverage.level:.0%}"
            axes.legend(frameon=False, title=title, loc="upper left", fontsize=8)
        panels[0].set_ylabel("ticks within the interval (%)")

    return draw(plot, 9, 3.6)


def drift_figure(drift: LineageError) -> str | None:
    """Error of each run of the line on the same data; None for a single run."""
    if len(drift.runs) < 2:
        return None
    place = np.arange(len(drift.runs))

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for j, (joint, unit) in enumerate(zip(drift.joints, drift.units, strict=True)):
            error = SHOWN[unit].factor * drift.error_rad[:, j]
            left.plot(place, error, "o-", color=JOINT_COLORS[j % 6])
            left.annotate(f" {joint}", (place[-1], error[-1]))
        label = axis_label(drift.units, f"error after {TICKS} ticks")
        left.set(ylabel=label, yscale="log")
        right.plot(place, drift.disagreement, "o-", color=BLUE)
        right.set(ylabel="median disagreement", yscale="log")
        for axes in (left, right):
            axes.set_xticks(place, [run.name for run in drift.runs])

    return draw(plot, 9, 2.8)
