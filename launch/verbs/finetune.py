"""`robot-mbrl finetune`: recorded episodes correct a run, or it is rolled back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from calibration.resimulate import resimulator
from launch.terminal import progress
from launch.verb import OK, REJECTED, Outcome, Verb, named_robot
from robot_mbrl.data import load_episodes
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.procedure import finetune_run
from robot_mbrl.runs.load_agent import robot_of


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Correct a run with recorded episodes.

    Some are kept out, or parts of each where they are few; the result is accepted only if it
    predicts those better than before. Otherwise it is rolled back: the new folder then holds the
    parent's weights, marked so, and the exit code is 4.
    """

    run: Path
    """run folder to start from, made by `robot-mbrl pretrain` or `finetune`"""
    robot: str | None = None
    """built-in robot or robot folder; the one that the run names by default"""
    calibration: Path | None = None
    """.toml or .json of what was measured on this robot, joint offsets above all; the one the run
    was made with by default"""
    episodes: tuple[Path, ...]
    """folders with .mcap files, or files; what cannot be read in a folder is named and left out"""
    out: Path
    """run folder to write; must not exist"""
    recover: bool = False
    """read episodes that were cut (power loss, kill -9, full disk) or damaged up to there"""
    config: Annotated[FinetuneConfig, tyro.conf.arg(name="")] = field(
        default_factory=FinetuneConfig
    )
    """settings of the finetuning"""


def run(settings: Settings) -> Outcome:
    """Finetune and print the verdict."""
    episodes = load_episodes(settings.episodes, recover=settings.recover)
    spec = robot_of(settings.run, named_robot(settings.robot), settings.calibration)
    with progress("finetune") as report_progress:
        result = finetune_run(
            settings.run,
            episodes,
            settings.out,
            settings.config,
            resimulate=resimulator,
            progress=report_progress,
            spec=spec,
        )
    units = dict.fromkeys(joint.unit for joint in spec.joints)
    print_verdict(settings.out, result, " and ".join(units))
    return Outcome({"run": settings.out} | result, OK if result["accepted"] else REJECTED)


def print_verdict(out: Path, result: dict[str, Any], unit: str = "rad") -> None:
    """Accepted or rolled back, with the numbers that decided; `unit` is that of the joints."""
    before, after = result["error_before_rad"], result["error_after_rad"]
    held = f"{result['holdout_transitions']} transitions kept out"
    numbers = f"held-out error {before:.4f} -> {after:.4f} {unit} ({held})"
    if result["accepted"]:
        print(f"{out}: accepted, {numbers}")
        print(f"  thresholds: {result['thresholds']}")
    else:
        print(f"{out}: REJECTED and rolled back: {numbers}")
        print("  The folder holds the parent's model. Collect more or longer episodes.")
