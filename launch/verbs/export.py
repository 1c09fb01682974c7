"""`robot-mbrl export`: one controller.onnx from a run."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from launch.verb import Outcome, Verb, named_robot
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.export.graph import ControllerConfig
from robot_mbrl.runs.load_agent import robot_of


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Write planner, ensemble, policy, value, reward and limits of a run as one controller.onnx.

    The file is compared with torch on recorded observations before it is written; the largest
    difference stands in its metadata.
    """

    run: Path
    """run folder made by `robot-mbrl pretrain` or `finetune`"""
    robot: str | None = None
    """built-in robot or robot folder; the one that the run names by default"""
    calibration: Path | None = None
    """.toml or .json of what was measured on this robot, joint offsets above all; the one the run
    was made with by default"""
    out: Path = Path("controller.onnx")
    """the file to write"""
    config: Annotated[ControllerConfig, tyro.conf.arg(name="")] = field(
        default_factory=ControllerConfig
    )
    """what the controller does"""


def run(settings: Settings) -> Outcome:
    """Export and print what the file holds."""
    metadata = export_run(
        settings.run,
        settings.out,
        settings.config,
        spec=robot_of(settings.run, named_robot(settings.robot), settings.calibration),
    )
    largest, ties = metadata.tolerance["action"], metadata.ties
    size = settings.out.stat().st_size
    print(f"{settings.out}: {size / 1e6:.2f} MB for robot {metadata.robot!r}")
    print(f"  action in onnxruntime and torch differs by at most {largest:.1e}")
    if ties["share"]:
        print(
            f"  (by up to {ties['action']:.1e} in {ties['share']:.1%} of observations, where "
            "rounding decides between plans that are worth the same)"
        )
    if not metadata.thresholds:
        print("  the run holds no thresholds.json: deploy will not watch the innovation")
    if metadata.calibration:
        said = ", ".join(
            f"{joint} {offset:g} {unit}"
            for unit in ("rad", "m")
            for joint, offset in metadata.calibration.get(f"joint_offset_{unit}", {}).items()
        )
        print(f"  holds a calibration, joint offsets: {said or 'none'}; deploy uses it")
    result = {"path": settings.out, "bytes": size, "metadata": dataclasses.asdict(metadata)}
    return Outcome(result)
