"""`robot-mbrl pretrain`: model, policy and value from randomized simulation, in minutes."""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

import sim
from launch.terminal import progress
from launch.verb import Outcome, Verb
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import load_calibration
from robot_mbrl.contract.errors import DataError
from robot_mbrl.learning.pretrain import PretrainConfig, Pretraining
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.same_settings import check_unchanged, differences
from robot_mbrl.runs.scalars import ScalarRunFolder


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
    spec = load_robot(settings.robot)
    if settings.calibration is not None:
        spec = spec.with_calibration(load_calibration(settings.calibration, spec))
    result = pretrain(spec, settings.config, settings.out)
    print(
        f"{settings.out}: policy alone {result['evaluation']['success']:.0%} success in "
        f"{result['evaluation']['episodes']:.0f} unseen worlds, {result['transitions']} transitions"
    )
    return Outcome({"run": settings.out} | result)


def pretrain(spec: RobotSpec, config: PretrainConfig, out: Path) -> dict[str, Any]:
    """Run or continue a pretraining; returns its report as plain values."""
    check_folder(out, spec, config)
    try:
        with ScalarRunFolder(out) as folder, progress("pretrain") as report:
            training = Pretraining(spec, sim.make_vec_env, config, folder)
            try:
                result = training.run(report)
            finally:
                training.env.close()
    except KeyboardInterrupt:
        print(how_to_resume(RunFolder(out)), file=sys.stderr)
        raise
    return {
        "evaluation": result.evaluation,
        "transitions": result.transitions,
        "holdout_nll": result.fit.holdout_nll,
    }


def check_folder(out: Path, spec: RobotSpec, config: PretrainConfig) -> None:
    """Raise DataError unless `out` is free or holds an unfinished run of the same settings."""
    folder = RunFolder(out)
    if not (out / "state.json").exists():
        return
    if folder.read_json("state.json").get("finished"):
        raise DataError(f"{out}: holds a finished run; choose another --out")
    check_unchanged(out, changed_settings(folder, spec, config))


def changed_settings(folder: RunFolder, spec: RobotSpec, config: PretrainConfig) -> list[str]:
    """How a run differs from what is asked for, in words; none where it is the same."""
    head = folder.read_json("config.json")
    found = {"fingerprint": head["fingerprint"], "calibration": head.get("calibration", {})}
    wanted = {"fingerprint": spec.fingerprint, "calibration": spec.calibration}
    return differences(found | head.get("pretraining", {}), wanted | dataclasses.asdict(config))


def how_to_resume(folder: RunFolder) -> str:
    """What a person does after Ctrl-C."""
    if not (folder.path / "state.json").exists():
        return "stopped before the first checkpoint; the same command starts again"
    done = folder.read_json("state.json")["updates"]
    return f"stopped; the same command goes on from the checkpoint at update {done}"
