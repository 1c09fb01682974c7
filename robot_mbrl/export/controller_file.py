"""One controller.onnx: planner, ensemble, policy, value, reward and limits in a single graph.

Inputs  observation (O,), plan (H, A), noise (I, N, H, A), float32.
Outputs action (A,), plan_next (H, A) shifted by one tick, predicted_mean (O,), predicted_std (O,),
        disagreement (H,), value ().
Metadata: JSON under the key "robot_mbrl".
"""

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

import robot_mbrl
from robot_mbrl.agents.agent import Agent, with_model
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.export.graph import ControllerConfig, controller_module
from robot_mbrl.export.onnx_graph import to_onnx
from robot_mbrl.export.parity import largest_differences
from robot_mbrl.onboard import MonitorThresholds
from robot_mbrl.onboard.controller.metadata import ControllerMetadata
from robot_mbrl.onboard.controller.model_seal import seal_model
from robot_mbrl.onboard.controller.output import METADATA_KEY
from robot_mbrl.runs.lineage import hash_file, run_lineage
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import THRESHOLDS, WEIGHTS, RunFolder

CHECKED_OBSERVATIONS = 64


def export_run(
    run: Path,
    out: Path,
    config: ControllerConfig | None = None,
    *,
    spec: RobotSpec | None = None,
) -> ControllerMetadata:
    """Write the controller of a finished run, checked on observations that it recorded.

    spec: the robot; the one that the run names by default. Errors as of `load_agent` and
    `export_controller`.
    """
    agent, spec = load_agent(run, spec)
    folder, real = RunFolder(run), with_model(agent).real
    rows = real.sample(CHECKED_OBSERVATIONS, np.random.default_rng(0))
    return export_controller(
        agent,
        spec,
        out,
        observations=real.split(rows).obs,
        thresholds=_thresholds(folder),
        lineage=run_lineage(run, out.parent) | {"weights_sha256": hash_file(run / WEIGHTS)},
        config=config,
    )


def export_controller(
    agent: Agent,
    spec: RobotSpec,
    path: Path,
    *,
    observations: np.ndarray,
    thresholds: dict[str, Any],
    lineage: dict[str, Any],
    config: ControllerConfig | None = None,
) -> ControllerMetadata:
    """Write controller.onnx and check it against torch on recorded observations.

    Args:
        agent: has what a controller is made of, see `Agent.exportable`.
        spec: the robot it is for.
        path: the file to write.
        observations: recorded observations (B, O) for the check.
        thresholds: of the supervisor, see onboard.monitor.
        lineage: where the data came from.
        config: settings.

    Returns:
        The metadata. Raises SettingsError for an agent that has no such controller,
        ContractMismatchError when onnxruntime and torch disagree, NotFiniteError when an output on
        these observations is not finite, DataError where the file cannot be written.
    """
    config = config or ControllerConfig()
    module = controller_module(agent, config)
    graph = to_onnx(module, module.shapes)
    differences = largest_differences(module, graph, observations)
    differences.check()
    metadata = ControllerMetadata.from_spec(
        spec,
        planner=_planner(config),
        thresholds=thresholds,
        lineage=lineage,
        versions={
            "robot_mbrl": robot_mbrl.__version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "python": platform.python_version(),
        },
        tolerance=differences.tolerance,
        ties=differences.ties,
    )
    onnx.helper.set_model_props(graph, {METADATA_KEY: metadata.to_json()})
    write_whole(path, seal_model(graph.SerializeToString()))
    return metadata


def _thresholds(folder: RunFolder) -> dict[str, Any]:
    """Checked before they travel; none for a run without."""
    if not folder.has(THRESHOLDS):
        return {}
    return MonitorThresholds.from_json(folder.read_object(THRESHOLDS)).to_json()


def _planner(config: ControllerConfig) -> dict[str, Any]:
    return (
        {"name": config.planner}
        | asdict(config.chosen)
        | {"disagreement_penalty": config.disagreement_penalty}
        | {"propagation": config.propagation.kind}
    )
