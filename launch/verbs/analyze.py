"""`robot-mbrl analyze`: how wrong a run's model is, where, and what its uncertainty knows of it."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

import sim
from launch.verb import Outcome, Verb, named_robot, plain
from robot_mbrl.analysis.measure import Analysis, AnalysisConfig, analyze
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.data import load_episodes
from robot_mbrl.report.analysis_report import return_note, write_analysis
from robot_mbrl.runs.load_agent import robot_of


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Measure a run's model on episodes that it did not learn from: numbers and pictures.

    Error growth, error of the planned return, disagreement, coverage, drift: they say how far to
    plan and where to set thresholds. Writes analysis.json and analysis.html.
    """

    run: Path
    """run folder"""
    robot: str | None = None
    """built-in robot or robot folder; the one that the run names by default"""
    calibration: Path | None = None
    """.toml or .json of what was measured on this robot, joint offsets above all; the one the run
    was made with by default"""
    out: Path | None = None
    """folder to write into; the run folder by default"""
    episodes: tuple[Path, ...] = ()
    """folders with .mcap files, or files; by default the policy acts in unseen simulated worlds"""
    recover: bool = False
    """read episodes that were cut or damaged up to there"""
    config: Annotated[AnalysisConfig, tyro.conf.arg(name="")] = field(
        default_factory=AnalysisConfig
    )
    """settings of the analysis"""


def run(settings: Settings) -> Outcome:
    """Analyze, write both files and print what decides."""
    given = list(settings.episodes)
    episodes = load_episodes(given, recover=settings.recover) if given else None
    analysis = analyze(
        settings.run,
        settings.config,
        episodes=episodes,
        make_env=sim.make_vec_env,
        spec=robot_of(settings.run, named_robot(settings.robot), settings.calibration),
    )
    out = settings.out or settings.run
    page, numbers = out / "analysis.html", out / "analysis.json"
    write_analysis(analysis, page)
    values = to_json(analysis)
    write_whole(numbers, json.dumps(values, indent=1, allow_nan=False) + "\n")
    print_analysis(analysis)
    print(f"{page}, {numbers}")
    return Outcome({"page": page, "numbers": numbers} | values)


def to_json(analysis: Analysis) -> dict[str, Any]:
    """Plain values; infinite limits as null."""
    values: dict[str, Any] = plain(dataclasses.asdict(analysis))
    return values


def print_analysis(analysis: Analysis) -> None:
    """A line for each decision."""
    c = analysis.coverage
    print(f"{analysis.run}: {analysis.source}")
    for j, joint in enumerate(c.joints):
        shares = [v.at_level[j] for v in (c.network, c.run, c.calibrated)]
        print(
            f"  {joint}: {c.level:.0%} intervals cover {shares[0]:.1%} (network alone), "
            f"{shares[1]:.1%} (run), {shares[2]:.1%} (calibrated)"
        )
    if analysis.returns:
        print(f"  {return_note(analysis.returns)}")
    for alarm in analysis.alarms:
        t = alarm.threshold
        print(f"  {alarm.name} per {t.per}: limit {t.limit:.3g}, {alarm.seen_rate:.1%} above it")
    for note in analysis.notes:
        print(f"  {note}")
