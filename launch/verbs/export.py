"""`robot-mbrl export`: one controller.onnx from a run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from launch.verb import Outcome, Verb
from robot_mbrl.export.controller_file import ControllerConfig, export_controller
from robot_mbrl.runs.lineage import hash_file, run_lineage
from robot_mbrl.runs.run_folder import RunFolder, load_agent

CHECKED_OBSERVATIONS = 64


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Write planner, ensemble, policy, value, reward and limits of a run as one controller.onnx.

    The file is compared with torch on recorded observations before it is written; the largest
    difference stands in its metadata.
    """

    run: Path
    """run folder made by `robot-mbrl pretrain` or `finetune`"""
    out: Path = Path("controller.onnx")
    """the file to write"""
    config: Annotated[ControllerConfig, tyro.conf.arg(name="")] = field(
        default_factory=ControllerConfig
    )
    """what the controller does"""


def run(settings: Settings) -> Outcome:
    """Export and print what the file holds."""
    metadata = export(settings.run, settings.out, settings.config)
    largest, ties = metadata["tolerance"]["action"], metadata["ties"]
    size = settings.out.stat().st_size
    print(f"{settings.out}: {size / 1e6:.2f} MB for robot {metadata['robot']!r}")
    print(f"  action in onnxruntime and torch differs by at most {largest:.1e}")
    if ties["share"]:
        print(
            f"  (by up to {ties['action']:.1e} in {ties['share']:.1%} of observations, where "
            "rounding decides between plans that are worth the same)"
        )
    if not metadata["thresholds"]:
        print("  the run holds no thresholds.json: deploy will not watch the innovation")
    return Outcome({"path": settings.out, "bytes": size, "metadata": metadata})


def export(run_path: Path, out: Path, config: ControllerConfig) -> dict[str, Any]:
    """Export a run; returns the metadata."""
    agent, spec = load_agent(run_path)
    folder = RunFolder(run_path)
    known = (run_path / "thresholds.json").exists()
    rng = np.random.default_rng(0)
    rows = agent.real.sample(CHECKED_OBSERVATIONS, rng)
    return export_controller(
        agent,
        spec,
        out,
        observations=agent.real.split(rows).obs,
        thresholds=folder.read_json("thresholds.json") if known else {},
        lineage=run_lineage(run_path)
        | {"weights_sha256": hash_file(run_path / "weights.safetensors")},
        config=config,
    )
