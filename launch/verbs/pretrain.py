"""`robot-mbrl pretrain`: model, policy and value from randomized simulation, in minutes."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

import sim
from launch.terminal import progress
from launch.verb import Outcome, Verb
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import calibrate
from robot_mbrl.learning.pretrain import PretrainConfig, PretrainReport, how_to_resume, pretrain


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Learn model, policy and value of a robot in randomized simulation.

    The run folder holds everything needed to continue, finetune or export. After Ctrl-C the same
    command goes on from the last checkpoint.
    """

    robot: str = "furuta"
    """built-in robot or robot folder"""
    out: Path
    """run folder; an unfinished run there is continued"""
    calibration: Path | None = None
    """.toml or .json of what was measured on one robot; worlds are drawn around it"""
    config: Annotated[PretrainConfig, tyro.conf.arg(name="")] = field(
        default_factory=PretrainConfig
    )
    """settings of the training"""


def run(settings: Settings) -> Outcome:
    """Pretrain and print what was reached."""
    spec = calibrate(load_robot(settings.robot), settings.calibration)
    report = pretrain_here(spec, settings.config, settings.out)
    print(
        f"{settings.out}: policy alone {report.evaluation['success']:.0%} success in "
        f"{report.evaluation['episodes']:.0f} unseen worlds, {report.transitions} transitions"
    )
    return Outcome({"run": settings.out} | report.to_json())


def pretrain_here(spec: RobotSpec, config: PretrainConfig, out: Path) -> PretrainReport:
    """Pretrain in MuJoCo or PyBullet, with the progress shown; says how to go on after Ctrl-C."""
    try:
        with progress("pretrain") as report:
            return pretrain(spec, sim.make_vec_env, config, out, report)
    except KeyboardInterrupt:
        print(how_to_resume(out), file=sys.stderr)
        raise
