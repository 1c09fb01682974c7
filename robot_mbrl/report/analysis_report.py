"""analysis.html: five pictures, and with each the sentence that says what to read off it."""

import html
from pathlib import Path

import numpy as np

from robot_mbrl.analysis.coverage import CoverageReport
from robot_mbrl.analysis.measure import Analysis
from robot_mbrl.analysis.novelty import Novelty
from robot_mbrl.analysis.returns import ReturnError
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.report import analysis_figures as figures
from robot_mbrl.report.html import Table, draw_table, section, write_page
from robot_mbrl.report.joint_units import SHOWN

GROWTH = (
    "Read off how many ticks ahead the blue line stays below the error your task forgives: plan no "
    "further; where it meets the grey line the model knows no more than constant velocity, and "
    "where members part (dotted: not used) disagreement can warn."
)
NOVELTY = (
    "Left: a set of states is recognized as strange as far as its bar lies right of the red limit; "
    "right: the limit is worth having where error rises with disagreement, and predicted spreads "
    "are honest where the grey line is at 1."
)
COVERAGE = (
    "A line under the diagonal promises too much, above it too little: use intervals only where "
    "the line you use (grey dashed, the run's own) is near it at the red level."
)
DRIFT = "Each iteration should lower the error: stop collecting where the line becomes flat."


def write_analysis(analysis: Analysis, out: Path) -> None:
    """Write the page."""
    a = analysis
    seconds = a.ticks / a.rate_hz
    intro = f"{a.run}: {a.source}; {a.ticks} ticks, {seconds:.0f} s. No model was fitted to them."
    parts = [f"<h1>{html.escape(a.robot)}</h1><p class=note>{html.escape(intro)}</p>"]
    parts.append(section("Notes", _list(a.notes)) if a.notes else "")
    if a.growth:
        note = f"{GROWTH} {a.growth.starts} starts."
        parts.append(section("Error growth", figures.growth_figure(a.growth), note))
    if a.returns:
        picture = figures.return_figure(a.returns)
        parts.append(section("Return estimate", picture, return_note(a.returns)))
    if a.novelty:
        parts.append(section("Disagreement", figures.novelty_figure(a.novelty), NOVELTY))
        parts.append(_novelty_table(a.novelty))
    parts.append(section("Coverage", figures.coverage_figure(a.coverage), COVERAGE))
    parts += [_coverage_table(a.coverage), section("Thresholds", _alarm_table(analysis))]
    if a.lineage_error:
        parts.append(section("Drift over iterations", figures.drift_figure(a.lineage_error), DRIFT))
    write_page(out, f"{a.robot}: analysis of {a.run.name}", parts)


def return_note(returns: ReturnError) -> str:
    """What to read off the picture of returns, with the numbers."""
    open_loop, closed = (
        f"{best} ticks, within 10 % from {near[0]} to {near[-1]}"
        for best, near in (
            (returns.best_horizon, _near(returns.with_value)),
            (returns.best_horizon_policy_acts, _near(returns.policy_acts)),
        )
    )
    return (
        f"Plan with a horizon at the bottom of the blue line for fixed actions ({open_loop}), of "
        f"the orange one for plans around the policy ({closed}); green is the value's own error, "
        "what lies above it the model's, and grey is what is lost without the value. "
        f"{returns.starts} starts; true returns sum at least {returns.truth_ticks} ticks."
    )


def _near(error: FloatArray) -> list[int]:
    """Horizons whose error is within 10 % of the least."""
    return [int(h) + 1 for h in np.flatnonzero(error <= 1.1 * error.min())]


def _list(notes: tuple[str, ...]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(n)}</li>" for n in notes) + "</ul>"


def _novelty_table(n: Novelty) -> str:
    rows = tuple(
        (name, f"{quantiles[2]:.3g}", f"{area:.2f}", f"{above:.1%}")
        for name, quantiles, area, above in zip(n.names, n.quantiles, n.auroc, n.above, strict=True)
    )
    head = ("states", "median", "apart from held out (0.5 not, 1 always)", "above the limit")
    return draw_table(Table(head, rows))


def _coverage_table(c: CoverageReport) -> str:
    rows = []
    for j, joint in enumerate(c.joints):
        for name in ("network", "run", "calibrated"):
            v = getattr(c, name)
            rows.append(
                (
                    f"{joint}, {name}",
                    f"{v.scale[j]:.3f}",
                    f"{v.spread_scale[j]:.3f}",
                    f"{v.at_level[j]:.1%} ± {v.standard_error[j]:.1%}",
                    f"{v.episodes_low[j]:.0%} to {v.episodes_high[j]:.0%}",
                    f"{v.nll[j]:.3f}",
                )
            )
    head = (
        "column",
        "noise scale",
        "spread scale",
        f"coverage of {c.level:.0%}",
        "single episodes",
        "NLL",
    )
    caption = (
        f"scales from {c.calibrating_episodes} episodes, evaluated on {c.judging_episodes} others; "
        "±: standard error over whole episodes; single episodes: 10 to 90 % of them; NLL of the "
        "normalized increment in nats. Velocities are affine in the increment and share its "
        "coverage."
    )
    spreads = ((j, f"{c.epistemic[k]:.3g}", f"{c.aleatoric[k]:.3g}",
                *(f"{SHOWN[unit].factor * x[k]:.3g}{SHOWN[unit].sign}"
                  for x in (c.epistemic_rad, c.aleatoric_rad)))
               for k, (j, unit) in enumerate(zip(c.joints, c.units, strict=True)))  # fmt: skip
    unit = ("joint", "epistemic (normalized)", "aleatoric", "epistemic (per tick)", "aleatoric")
    about = "median standard deviation: what the elites disagree about, and the noise they predict"
    return draw_table(Table(head, tuple(rows), caption)) + draw_table(
        Table(unit, tuple(spreads), about)
    )


def _alarm_table(analysis: Analysis) -> str:
    rows = tuple(
        (
            f"{a.name}, per {a.threshold.per}",
            f"{a.threshold.limit:.3g}",
            f"{a.threshold.alarm_rate:.1%}",
            f"{a.seen_rate:.1%}",
            f"{a.threshold.episodes} episodes, {a.threshold.ticks} ticks",
        )
        for a in analysis.alarms
    )
    head = ("statistic", "limit", "requested", "seen on other episodes", "from")
    words = (
        "Split conformal over whole episodes, as ticks of one episode are not exchangeable: the "
        "requested rate is kept on average over draws of the calibration episodes, for episodes "
        "exchangeable with these. The supervisor stops on its own limits, which add up evidence "
        "and aim at stops per hour."
    )
    return draw_table(Table(head, rows, words))
