"""`robot-mbrl pretrain`: model, policy and value from randomized simulation, in minutes."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

import sim
from launch.terminal import progress
from launch.verb import OK, REJECTED, Outcome, Verb
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import calibrate
from robot_mbrl.envs.unlearned import UnlearnedReport
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
    if report.unlearned is not None and not report.learned:
        print(nothing_learned(settings, report.evaluation, report.unlearned), file=sys.stderr)
    result = {"run": settings.out} | report.to_json()
    return Outcome(result, OK if report.learned else REJECTED)


def nothing_learned(
    settings: Settings, evaluation: dict[str, float], unlearned: UnlearnedReport
) -> str:
    """What to say and to try where the policy is no better than none."""
    worth = unlearned.summary
    return (
        f"{settings.out}: NOTHING LEARNED: no success in {evaluation['episodes']:.0f} unseen "
        f"worlds, and a return of {evaluation['return']:.3g} is no better than doing nothing "
        f"({worth['idle']:.3g}) or random actions ({worth['random']:.3g}). Try, in a new folder:\n"
        f"  more --updates (this run: {settings.config.updates}; the default: "
        f"{PretrainConfig().updates})\n"
        "  --randomization none: if the one nominal robot is learned, ranges are too wide\n"
        "  an easier task in robot.toml: a nearer target, a wider tolerance, fewer joints\n"
        f"  robot-mbrl sim --robot {settings.robot} --view: can it do the task at all? Efforts, "
        "limits and command_speed_rad_s (2 rad/s suits small servos) decide"
    )


def pretrain_here(spec: RobotSpec, config: PretrainConfig, out: Path) -> PretrainReport:
    """Pretrain in MuJoCo or PyBullet, with the progress shown; says how to go on after Ctrl-C."""
    try:
        with progress("pretrain") as report:
            return pretrain(spec, sim.make_vec_env, config, out, report)
    except KeyboardInterrupt:
        print(how_to_resume(out), file=sys.stderr)
        raise
