"""`robot-mbrl finetune`: recorded episodes correct a run, or it is rolled back."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.plausible import plausible_simulator
from launch.terminal import progress
from launch.verb import OK, REJECTED, Outcome, Verb
from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import Episode
from robot_mbrl.learning.false_stops import at_least, calibrate_alarms, surprise
from robot_mbrl.learning.finetune.agent import (
    FinetuneConfig,
    FinetuneReport,
    finetune,
    load_episodes,
    stretches,
)
from robot_mbrl.onboard import MonitorThresholds
from robot_mbrl.runs.lineage import hash_file, run_lineage
from robot_mbrl.runs.run_folder import THRESHOLDS, RunFolder, load_agent


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Correct a run with recorded episodes.

    Whole episodes are kept out; the result is accepted only if it predicts those better than
    before. Otherwise it is rolled back: the new folder then holds the parent's weights, marked so,
    and the exit code is 4.
    """

    run: Path
    """run folder to start from, made by `robot-mbrl pretrain` or `finetune`"""
    episodes: tuple[Path, ...]
    """folders with .mcap files, or files"""
    out: Path
    """run folder to write; must not exist"""
    recover: bool = False
    """read episodes that were cut (power loss, kill -9, full disk) up to their last tick"""
    config: Annotated[FinetuneConfig, tyro.conf.arg(name="")] = field(
        default_factory=FinetuneConfig
    )
    """settings of the finetuning"""


def run(settings: Settings) -> Outcome:
    """Finetune and print the verdict."""
    episodes = load_episodes(list(settings.episodes), recover=settings.recover)
    result = finetune_run(settings.run, episodes, settings.out, settings.config)
    print_verdict(settings.out, result)
    return Outcome({"run": settings.out} | result, OK if result["accepted"] else REJECTED)


def finetune_run(
    parent: Path, episodes: dict[str, Episode], out: Path, config: FinetuneConfig
) -> dict[str, Any]:
    """Finetune a run into a new folder; returns the report as plain values."""
    if (out / "config.json").exists():
        raise DataError(f"{out}: holds a run already; choose another --out")
    agent, spec = load_agent(parent)
    simulated = agent.real.all()
    with progress("finetune") as report_progress:
        simulate = plausible_simulator(spec, agent, config.seed)
        report = finetune(agent, episodes, config, report_progress, simulate)
    # a later finetuning blends with the simulator again, not with these episodes
    agent.real.clear()
    agent.real.add(simulated)
    thresholds, source = new_thresholds(agent, spec, episodes, report, parent)
    result = dataclasses.asdict(report) | {"thresholds": source}
    lineage = run_lineage(parent) | {
        "episodes": {name: hash_file(Path(name)) for name in episodes},
        "rolled_back": not report.accepted,
    }
    write_run(out, agent, spec, config, lineage, result, thresholds)
    return result


def write_run(
    out: Path,
    agent: Mbpo,
    spec: RobotSpec,
    config: FinetuneConfig,
    lineage: dict[str, Any],
    result: dict[str, Any],
    thresholds: dict[str, Any] | None,
) -> None:
    """The new run folder; state.json comes last and makes it valid."""
    folder = RunFolder(out)
    more = {"lineage": lineage, "finetuning": dataclasses.asdict(config)}
    folder.create(spec, agent.config, config.seed, **more)
    folder.write_json("finetune.json", result)
    if thresholds is not None:
        folder.write_json(THRESHOLDS, thresholds)
    folder.save_agent(agent, finished=True, rolled_back=not result["accepted"])


def new_thresholds(
    agent: Mbpo,
    spec: RobotSpec,
    episodes: dict[str, Episode],
    report: FinetuneReport,
    parent: Path,
) -> tuple[dict[str, Any] | None, str]:
    """Thresholds for the new model from the real episodes, or the parent's with the reason why."""
    known = RunFolder(parent).read_json(THRESHOLDS) if (parent / THRESHOLDS).exists() else None
    if not report.accepted:
        return known, "of the parent: rolled back"
    try:
        surprises = [
            surprise(agent.model, obs, action[:-1])
            for episode in episodes.values()
            for obs, action in stretches(episode)
        ]
        rate, target = spec.control.rate_hz, spec.safety.false_stops_per_hour
        own = calibrate_alarms(surprises, rate, target)
        if known is None:
            return own.to_json(), "calibrated on these episodes"
        joint = at_least(own, MonitorThresholds.from_json(known))
        return joint.to_json(), "calibrated on these episodes, at least the parent's"
    except DataError as error:
        return known, f"of the parent: {error}"


def print_verdict(out: Path, result: dict[str, Any]) -> None:
    """Accepted or rolled back, with the numbers that decided."""
    before, after = result["error_before_rad"], result["error_after_rad"]
    held = f"{result['holdout_transitions']} transitions kept out"
    numbers = f"held-out error {before:.4f} -> {after:.4f} rad ({held})"
    if result["accepted"]:
        print(f"{out}: accepted, {numbers}")
        print(f"  thresholds: {result['thresholds']}")
    else:
        print(f"{out}: REJECTED and rolled back: {numbers}")
        print("  The folder holds the parent's model. Collect more or longer episodes.")
