"""Figures of a run and its episodes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.spec import JointSpec
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data import Episode
from robot_mbrl.models.judging.open_loop import OpenLoopError
from robot_mbrl.report.drawing import BLUE, GREEN, GREY, JOINT_COLORS, OUTSIDE, RED, draw
from robot_mbrl.report.joint_units import SHOWN, axis_label

SHOWN_SIGMA = 20.0  # an innovation beyond this is drawn at the edge
MOST_TURNS = 3  # a joint that spins more is drawn wrapped


def learning_curve(metrics: Sequence[dict[str, Any]]) -> str | None:
    """Success and return of the policy over updates; None without an evaluation."""
    rows = [m for m in metrics if "success" in m and "updates" in m]
    if not rows:
        return None
    updates = [m["updates"] for m in rows]

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot(updates, [100 * m["success"] for m in rows], "o-", color=BLUE)
        left.set(ylabel="success in unseen worlds (%)", xlabel="updates", ylim=(-3, 103))
        right.plot(updates, [m["return"] for m in rows], "o-", color=BLUE)
        right.set(ylabel="mean return", xlabel="updates")

    return draw(plot, 9, 2.8)


def prediction_error(
    errors: dict[str, OpenLoopError], joints: Sequence[JointSpec], dt: float
) -> str:
    """Root mean square position error over the prediction's length, one panel a joint."""
    colors = dict(zip(errors, (GREY, BLUE) if len(errors) == 2 else (BLUE,), strict=False))

    def plot(figure: Figure) -> None:
        panels = np.atleast_1d(figure.subplots(1, len(joints)))
        for j, (axes, joint) in enumerate(zip(panels, joints, strict=True)):
            unit = SHOWN[joint.unit]
            for label, error in errors.items():
                shown = unit.factor * error.rms_rad[:, j]
                time_ms = 1e3 * dt * np.arange(1, len(shown) + 1)
                axes.plot(time_ms, shown, color=colors[label], label=label)
                last = f"{shown[-1]:.3g}{unit.sign}"
                axes.annotate(last, (time_ms[-1], shown[-1]), color=colors[label])
            axes.set(title=joint.name, xlabel="predicted ahead (ms)", yscale="log")
            if j == 0 or joint.unit != joints[j - 1].unit:
                axes.set_ylabel(f"error, root mean square ({unit.name})")
        panels[0].legend(frameon=False)

    return draw(plot, 9, 3.0)


def episode_figure(
    episode: Episode, spec: RobotSpec, goal: FloatArray, limits: Sequence[float] = ()
) -> str:
    """Angles, action, disagreement and innovation of one episode; `goal` (T,) marks where it held.

    `limits` are scales of the innovation (J,), drawn as the band of plus and minus two sigma.
    """
    time_s = episode.time_s - episode.time_s[0] if len(episode) else episode.time_s

    def plot(figure: Figure) -> None:
        angle, action, novelty, surprise = figure.subplots(
            4, 1, sharex=True, height_ratios=(2.2, 1, 1, 1.2)
        )
        _plot_angles(angle, time_s, episode, spec, goal)
        _plot_actions(action, time_s, episode)
        novelty.plot(time_s, episode.disagreement, color=BLUE)
        novelty.set(ylabel="disagree-\nment")
        _plot_innovation(surprise, time_s, episode, limits)
        surprise.set_xlabel("time (s)")
        if episode.stop_reason != StopReason.FINISHED.value and len(episode):
            _mark_stop((angle, action, novelty, surprise), float(time_s[-1]), episode)

    return draw(plot, 9, 4.6)


def _plot_angles(
    axes: Axes, time_s: FloatArray, episode: Episode, spec: RobotSpec, goal: FloatArray
) -> None:
    axes.fill_between(
        time_s, 0, 1, where=goal > 0, transform=axes.get_xaxis_transform(), color=GREEN, alpha=0.12
    )
    for j, joint in enumerate(spec.joints):
        degrees = SHOWN[joint.unit].factor * episode.q_rad[:, j]  # or mm
        if joint.wraps and np.ptp(degrees) > MOST_TURNS * 360:
            degrees = (degrees + 90) % 360 - 90  # hanging (0) and upright (180) away from the seam
            degrees = np.where(np.abs(np.diff(degrees, prepend=degrees[:1])) > 180, np.nan, degrees)
        axes.plot(time_s, degrees, color=JOINT_COLORS[j % 6], label=joint.name)
    axes.set(ylabel=axis_label([joint.unit for joint in spec.joints]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 1.8, 3, 4.5, 9, 10]))
    axes.legend(**OUTSIDE)


def _plot_actions(axes: Axes, time_s: FloatArray, episode: Episode) -> None:
    for a, actuator in enumerate(episode.metadata.actions):
        applied, proposed = episode.actions[:, a], episode.proposed[:, a]
        label = f"{actuator['name']}\n1 = {actuator['limit']:g} {actuator['unit']}"
        axes.plot(time_s, proposed, color=GREY, lw=0.6)
        axes.step(time_s, applied, where="post", color=JOINT_COLORS[a % 6], lw=0.9, label=label)
    axes.set(ylabel="action", ylim=(-1.1, 1.1))
    axes.legend(**OUTSIDE)


def _plot_innovation(
    axes: Axes, time_s: FloatArray, episode: Episode, limits: Sequence[float]
) -> None:
    for j, joint in enumerate(episode.metadata.joints):
        z = np.clip(episode.innovation[:, j], -SHOWN_SIGMA, SHOWN_SIGMA)
        axes.plot(time_s, z, color=JOINT_COLORS[j % 6], lw=0.8, label=joint)
    if len(limits):
        band = 2 * max(limits)
        axes.axhspan(-band, band, color=GREY, alpha=0.15, lw=0)
    axes.set(ylabel="innovation\n(sigma)")
    if not np.isfinite(episode.innovation).any():
        axes.text(0.5, 0.5, "not watched: exploring", transform=axes.transAxes, ha="center")


def _mark_stop(panels: Sequence[Axes], at_s: float, episode: Episode) -> None:
    for axes in panels:
        axes.axvline(at_s, color=RED, lw=1.4)
    reason = episode.stop_reason or "cut: no footer"
    panels[0].annotate(
        f"stop: {reason} ", (at_s, 1.0), xycoords=("data", "axes fraction"), color=RED,
        ha="right", va="bottom", weight="bold",
    )  # fmt: skip


def timing_histogram(episodes: Sequence[Episode], spec: RobotSpec) -> str | None:
    """Lateness and plan time of every tick against deadline and period; None without real ticks."""
    if not any(len(e) for e in episodes):
        return None
    late = 1e3 * np.concatenate([e.lateness_s for e in episodes])
    plan = 1e3 * np.concatenate([e.plan_time_s for e in episodes])

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _histogram(left, late, "tick started late by (ms)", spec.safety.deadline_ms, "deadline")
        _histogram(right, plan, "time in the planner (ms)", 1e3 * spec.control.dt, "period")
        left.set_ylabel("ticks")

    return draw(plot, 9, 2.6)


def _histogram(axes: Axes, ms: FloatArray, label: str, limit_ms: float, name: str) -> None:
    top = max(1.05 * limit_ms, float(ms.max()))
    axes.hist(ms, bins=np.linspace(0, top, 60).tolist(), color=BLUE, log=True)
    axes.axvline(limit_ms, color=RED, lw=1.2)
    axes.annotate(
        f"{name} {limit_ms:g} ms ", (limit_ms, 0.97), xycoords=("data", "axes fraction"),
        color=RED, ha="right", va="top",
    )  # fmt: skip
    median, p99 = np.quantile(ms, [0.5, 0.99])
    axes.set(xlabel=label, title=f"median {median:.2g}, 99 % {p99:.2g}, max {ms.max():.2g} ms")
