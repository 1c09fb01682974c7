"""report.html: a run and its episodes at a glance; one file, no scripts, nothing loaded."""

import html
from pathlib import Path
from typing import Any

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.data import Episode, read_episode
from robot_mbrl.data.windows import Windows
from robot_mbrl.learning.finetune.split import check_episodes
from robot_mbrl.models.judging.open_loop import OpenLoopError, open_loop_error
from robot_mbrl.report import run_figures as figures
from robot_mbrl.report.episode_section import episode_section
from robot_mbrl.report.html import Table, draw_table, section, write_page
from robot_mbrl.report.joint_units import common_error
from robot_mbrl.runs.lineage import FINETUNE, learned_from, parent_of, path_in, without
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.run_head import read_head

ERROR_STEPS = 25


def write_report(
    run: Path,
    episodes: dict[str, Episode] | None,
    out: Path,
    *,
    summary: Table | None = None,
    spec: RobotSpec | None = None,
) -> None:
    """Write the report of a run.

    Args:
        run: run folder.
        episodes: by name; those the run learned from, where they still are, by default.
        out: the HTML file.
        summary: a table on top, e.g. zero-shot against finetuned.
        spec: the robot; the one that the run names by default.

    Raises DataError, ContractMismatchError for episodes of another robot.
    """
    folder = RunFolder(run)
    agent, spec = load_agent(run, spec)
    head = read_head(run)
    shown = _learned_from(run, head) if episodes is None else episodes
    check_episodes(shown, spec)
    parts = [_title(run, spec, head), draw_table(summary) if summary else ""]
    parts.append(_finetuning(folder, spec))
    parts.append(section("Learning in simulation", figures.learning_curve(_metrics(run))))
    parts.append(_errors(run, shown, spec))
    parts += episode_section(shown, spec, agent.task, folder)
    write_page(out, f"{spec.name}: {run.name}", parts)


def _learned_from(run: Path, head: dict[str, Any]) -> dict[str, Episode]:
    """The episodes a finetuned run names, as far as they are still there."""
    names = head.get("lineage", {}).get("episodes", {})
    paths = [path_in(run, name) for name in names]
    return {str(p): read_episode(p, recover=True) for p in paths if p.is_file()}


def _metrics(run: Path) -> list[dict[str, Any]]:
    """Metrics of the run, or of the nearest ancestor that has any."""
    own = RunFolder(run).metrics()
    parent = parent_of(run)
    if own or parent is None:
        return own
    return _metrics(parent)


def _title(run: Path, spec: RobotSpec, head: dict[str, Any]) -> str:
    lineage = head.get("lineage")
    made = "pretrained in randomized simulation"
    if lineage:
        count = len(lineage.get("episodes", {}))
        made = f"finetuned from {lineage['run']} on {count} recorded episodes"
    return (
        f"<h1>{html.escape(spec.name)}</h1><p class=note>{html.escape(str(run))}: "
        f"{html.escape(made)}. {html.escape(spec.description)}.</p>"
    )


def _finetuning(folder: RunFolder, spec: RobotSpec) -> str:
    if not (folder.path / FINETUNE).exists():
        return ""
    result = TomlTable(folder.read_object(FINETUNE), str(folder.path / FINETUNE), error=DataError)
    verdict = (
        "<span class=good>accepted</span>"
        if result.flag("accepted")
        else "<span class=bad>rejected and rolled back: this is the parent's model</span>"
    )
    units = [joint.unit for joint in spec.joints]
    before, after = (
        common_error(result.number(f"error_{k}_rad", 0, 1e9), units) for k in ("before", "after")
    )
    return (
        f"<h2>Finetuning</h2><p>{verdict}: held-out error {before} before, {after} "
        f"after, on {len(result.names('holdout_episodes'))} episodes kept out; learned from "
        f"{result.integer('train_transitions', 0, 2**53)} transitions.</p>"
    )


def _errors(run: Path, shown: dict[str, Episode], spec: RobotSpec) -> str:
    """Prediction error of this run and its parent on episodes that neither learned from."""
    unseen = without(shown, learned_from(run))
    if not unseen:
        return ""
    parent = parent_of(run)
    runs = ({"before": parent} if parent else {}) | {"after" if parent else "model": run}
    try:
        errors = {label: run_error(path, unseen, spec=spec) for label, path in runs.items()}
    except DataError as error:
        return f"<h2>Prediction error</h2><p class=note>{html.escape(str(error))}</p>"
    note = f"open loop, on {len(unseen)} episodes that the model did not learn from"
    picture = figures.prediction_error(errors, spec.joints, spec.control.dt)
    return section("Prediction error", picture, note)


def run_error(
    run: Path,
    episodes: dict[str, Episode],
    steps: int = ERROR_STEPS,
    spec: RobotSpec | None = None,
) -> OpenLoopError:
    """Open-loop error of a run's model on episodes; raises DataError when all are too short."""
    agent, _ = load_agent(run, spec)
    segments = [s for e in episodes.values() for s in e.segments()]
    return open_loop_error(agent.model, Windows.cut(segments, steps))
