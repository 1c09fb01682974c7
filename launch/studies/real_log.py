"""Runs the real-log benchmark and prints its table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from launch.studies.real_log_models import MODELS, RealLogConfig, bench_real_log
from launch.terminal import progress
from launch.verb import Outcome, Verb
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError

MEASURES = {
    "rms_rad": "RMS rad",
    "rms_rad_s": "RMS rad/s",
    "median_rad": "median rad",
    "median_rad_s": "median rad/s",
}


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Predict 0.5 s of measured runs of a real pendulum that no model has seen: nominal simulation,
    pretrained ensemble, ensemble from scratch, finetuned ensemble. Three CPU minutes a seed.
    """

    logs: Path = Path("tests/data/realaigym_simple_pendulum")
    """folder with the measured runs, RUN.measured.csv and RUN.desired.csv"""
    robot: str = "simple_pendulum"
    """built-in robot or robot folder"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """trainings, each with other weights, worlds and held-out parts"""


def run(settings: Settings) -> Outcome:
    """Four models predict measured runs."""
    return Outcome(run_real_log(settings.robot, settings.logs, settings.seeds))


def run_real_log(robot: str, logs: Path, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Run with default settings, print, and return the result."""
    if not seeds:
        raise DataError("real-log: no seeds; give at least one")
    with progress("real-log") as report:
        result = bench_real_log(load_robot(robot), logs, RealLogConfig(seeds=seeds), report)
    for kind, errors in result["errors"].items():
        print_errors(kind, errors, result["windows"][kind], len(seeds))
    for choice in result["seeds"]:
        held = ", ".join(f"{n} {e:.4f}" for n, e in choice["held_out_rad"].items())
        print(f"seed {choice['seed']}: held-out error in rad: {held}")
    return result


def print_errors(kind: str, errors: dict[str, Any], windows: dict[str, int], seeds: int) -> None:
    """One table: a row for each run and model; low and high over seeds where they differ."""
    count = ", ".join(f"{n} {c}" for n, c in windows.items())
    table = Table(
        "run", "model", title=f"Error after 0.5 s, {kind} windows ({count}), {seeds} seeds"
    )
    for name in MEASURES.values():
        table.add_column(name, justify="right")
    for run, models in errors.items():
        for model in MODELS:
            cells = [format_cell(models, model, measure) for measure in MEASURES]
            table.add_row(run if model == MODELS[0] else "", model, *cells)
        table.add_section()
    Console(width=120).print(table)


def format_cell(models: dict[str, Any], model: str, measure: str) -> str:
    """Mean over seeds, its range, and a star for the best of the four."""
    value = models[model][measure]
    best = min(models[m][measure]["mean"] for m in MODELS) == value["mean"]
    span = f" ({value['low']:.3f}-{value['high']:.3f})" if value["low"] < value["high"] else ""
    return f"{value['mean']:.4f}{span}{'*' if best else ' '}"
