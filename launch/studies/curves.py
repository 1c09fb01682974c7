"""`robot-mbrl bench curves`: what `bench learn` wrote, in one figure, by steps and by CPU time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from launch.studies.learn_settings import ReferenceSetting, find_setting
from launch.verb import Outcome, Verb
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import parse_json_object, read_text
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.report.drawing import JOINT_COLORS, OUTSIDE, draw

AXES = {"steps": "environment steps", "cpu_s": "CPU seconds of learning, one thread"}


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Draw what `bench learn --out` wrote: by environment steps and by CPU time."""

    runs: tuple[Path, ...]
    """JSON files of one environment, one an agent"""
    measure: Literal["return", "least", "success"] = "return"
    """mean return over start states, the least of them, or a robot's success"""
    out: Path = Path("runs/curves.svg")
    """the figure"""


def run(settings: Settings) -> Outcome:
    """One figure of several results."""
    return Outcome(draw_results(settings))


def name_of(result: dict[str, Any]) -> str:
    """What learned: one of ours, or the reference implementation."""
    reference = isinstance(find_setting(result["env"], result["agent"]), ReferenceSetting)
    name: str = result["agent"].upper()
    return f"{name} (stable-baselines3)" if reference else name


def read_result(path: Path) -> dict[str, Any]:
    """Environment, agent and runs of one file. Raises DataError."""
    found = parse_json_object(read_text(path), str(path))
    table = TomlTable(found, str(path), error=DataError)
    for record in (r for run in table.tables("runs") for r in run.tables("curve")):
        record.number("steps", 0, 1e15)
        record.number("cpu_s", 0, 1e15)
    return {"env": table.text("env"), "agent": table.text("agent"), "runs": found["runs"]}


def read_results(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Results of one environment. Raises DataError for other files and for mixed environments."""
    results = []
    for path in paths:
        try:
            results.append(read_result(path))
        except DataError as error:
            raise DataError(
                f"{path}: expected a JSON file that `bench learn --out` wrote; {error}"
            ) from error
    found = sorted({r["env"] for r in results})
    if len(found) != 1:
        raise DataError(f"expected results of one environment, got {', '.join(found) or 'none'}")
    return results


def series(runs: list[dict[str, Any]], measure: str) -> dict[str, np.ndarray]:
    """Evaluations that all runs have: steps and median cpu_s, median, least and largest of
    `measure` over seeds, (K,) each."""
    curves = [{c["steps"]: c for c in r["curve"]} for r in runs]
    steps = sorted(set.intersection(*(set(c) for c in curves)))
    values = np.array([[c[s][measure] for s in steps] for c in curves])
    cost = np.array([[c[s]["cpu_s"] for s in steps] for c in curves])
    return {
        "steps": np.array(steps),
        "cpu_s": np.median(cost, 0),
        "median": np.median(values, 0),
        "least": values.min(0),
        "most": values.max(0),
    }


def plot_curves(results: list[dict[str, Any]], measure: str, figure: Figure) -> None:
    """Left by environment steps, right by CPU time; bands from the worst to the best seed."""
    panels: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    for axes, (key, label) in zip(panels, AXES.items(), strict=True):
        for result, color in zip(results, JOINT_COLORS, strict=False):
            s = series(result["runs"], measure)
            name = f"{name_of(result)}, {len(result['runs'])} seeds"
            axes.fill_between(s[key], s["least"], s["most"], color=color, alpha=0.15, lw=0)
            axes.plot(s[key], s["median"], color=color, marker=".", label=name)
        axes.set_xlabel(label)
    panels[0].set_ylabel(measure)
    panels[1].legend(**OUTSIDE)
    figure.suptitle(results[0]["env"], fontsize=10)


def print_curves(results: list[dict[str, Any]], measure: str) -> None:
    """The last evaluation of every seed, one row an agent."""
    table = Table("agent", "steps", "CPU s", f"median {measure}", "seeds")
    for result in results:
        s = series(result["runs"], measure)
        last = [r["curve"][-1][measure] for r in result["runs"]]
        table.add_row(
            name_of(result),
            f"{s['steps'][-1]:.0f}",
            f"{s['cpu_s'][-1]:.0f}",
            f"{s['median'][-1]:.4g}",
            ", ".join(f"{x:.4g}" for x in last),
        )
    Console().print(table)


def draw_results(bench: Settings) -> dict[str, Any]:
    """Write the figure; returns its numbers."""
    results = read_results(bench.runs)
    print_curves(results, bench.measure)
    figure = draw(lambda f: plot_curves(results, bench.measure, f), 9.0, 3.2)
    write_whole(bench.out, figure)
    curves = {
        r["agent"]: {k: v.tolist() for k, v in series(r["runs"], bench.measure).items()}
        for r in results
    }
    return {"env": results[0]["env"], "figure": str(bench.out), "curves": curves}
