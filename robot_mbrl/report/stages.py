"""Controllers deployed one after the other on one robot, and the table that compares them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data import Episode, load_episodes
from robot_mbrl.onboard import EpisodesReport
from robot_mbrl.report.html import Table
from robot_mbrl.report.run_report import run_error

ERROR_STEPS = 10
HEAD = (
    "controller",
    "real ticks",
    "success",
    "return",
    f"{ERROR_STEPS}-step error",
    "stops",
    "alarms",
    "plan p99",
)


@dataclass(frozen=True)
class Stage:
    """One controller that was deployed.

    Attributes:
        name: for the table.
        run: folder that it was exported from.
        controller: the file.
        report: of the episodes in which it was deployed.
        transitions: real ones that it learned from.
    """

    name: str
    run: Path
    controller: Path
    report: EpisodesReport
    transitions: int


def measure_stages(stages: list[Stage]) -> list[dict[str, Any]]:
    """One row a stage; models are compared on the last deployment, which none has seen."""
    test = load_episodes([r.path for r in stages[-1].report.results])
    return [_measure(stage, test) for stage in stages]


def _measure(stage: Stage, test: dict[str, Episode]) -> dict[str, Any]:
    results = stage.report.results
    return {
        "stage": stage.name,
        "transitions": stage.transitions,
        "episodes": len(results),
        "success": stage.report.success,
        "return": sum(r.score.returns for r in results) / max(1, len(results)),
        "error_rad": run_error(stage.run, test, ERROR_STEPS).summary()["rms_rad"],
        "stops": sum(r.report.stop_reason is not StopReason.FINISHED for r in results),
        "alarms": sum(bool(r.alarm) for r in results),
        "plan_p99_ms": max(r.report.plan_ms.p99 for r in results),
        "missed": sum(r.report.missed_deadlines for r in results),
    }


def stage_table(rows: list[dict[str, Any]], caption: str = "") -> Table:
    """Rows for people."""
    return Table(HEAD, tuple(_format_row(row) for row in rows), caption)


def _format_row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["stage"],
        str(row["transitions"]),
        f"{round(row['success'] * row['episodes'])} of {row['episodes']}",
        f"{row['return']:.1f}",
        f"{np.rad2deg(row['error_rad']):.2f}°",
        str(row["stops"]),
        str(row["alarms"]),
        f"{row['plan_p99_ms']:.1f} ms",
    )
