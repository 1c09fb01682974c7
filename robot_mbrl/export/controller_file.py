"""One controller.onnx: planner, ensemble, policy, value, reward and limits in a single graph.

Inputs  observation (O,), plan (H, A), noise (I, N, H, A), float32.
Outputs action (A,), plan_next (H, A) shifted by one tick, predicted_mean (O,), predicted_std (O,),
        disagreement (H,), value ().
Metadata: JSON under the key "robot_mbrl".
"""

import json
import math
import platform
import tempfile
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

import robot_mbrl
from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import ContractMismatchError, NotFiniteError
from robot_mbrl.models.ensemble.planning_model import PlanningModel
from robot_mbrl.models.ensemble.uncertainty import mixture
from robot_mbrl.onboard.controller.output import INPUTS, METADATA_KEY, OUTPUTS
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.objective.propagation import PropagationConfig, draw_propagation
from robot_mbrl.planners.planner import PlannerName, SamplingConfig, make_plan, noise_shape
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.planners.search.icem import IcemConfig
from robot_mbrl.planners.search.mppi import MppiConfig
from robot_mbrl.planners.search.random_shooting import RandomShootingConfig
from robot_mbrl.planners.search.sampling import shift

NUDGE = 1e-3  # rad, for slopes
TOLERANCE = 1e-3  # largest accepted difference of the action between torch and onnxruntime
ROUNDING = 2e-5  # of a score, in single precision after a thousand operations
MOST_TIES = 0.25  # of observations; what happens more often is no accident of rounding


@dataclass(frozen=True)
class ControllerConfig:
    """What the exported controller does."""

    planner: PlannerName = "cem"
    """which planner; its settings are below, those of the others do nothing"""
    cem: CemConfig = CemConfig()
    """settings of the cross-entropy method"""
    icem: IcemConfig = IcemConfig()
    """settings of the cross-entropy method with colored noise"""
    mppi: MppiConfig = MppiConfig()
    """settings of model predictive path integral control"""
    random: RandomShootingConfig = RandomShootingConfig()
    """settings of random shooting"""
    disagreement_penalty: float = 0.05
    """score lost per unit of disagreement and step"""
    terminal_value: bool = True
    """close the horizon with the critics"""
    propagation: PropagationConfig = field(default_factory=PropagationConfig)
    """how uncertainty is carried along a plan; particles cost as many rows as members"""

    @property
    def chosen(self) -> SamplingConfig:
        """The settings of the planner that was chosen."""
        settings: SamplingConfig = getattr(self, self.planner)
        return settings


class PlannerModule(nn.Module):
    """The graph that is exported.

    Args:
        imagination: scores plans.
        planner: settings of the planner.
    """

    def __init__(self, imagination: Imagination, planner: SamplingConfig) -> None:
        super().__init__()
        self.imagination, self.planner = imagination, planner

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the inputs."""
        layout = self.imagination.model.layout
        return {
            "observation": (layout.size,),
            "plan": (self.planner.horizon, layout.action_size),
            "noise": noise_shape(self.planner, layout.action_size),
        }

    def forward(self, observation: Tensor, plan: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        """One tick of control; see the module's inputs and outputs."""
        planned = make_plan(self.imagination, observation, plan, noise, self.planner)
        action = self.imagination.view.act(observation, planned.plan[0])
        mean, std = predict(self.imagination.model, observation, action)
        # A plan without a finite score must not reach a motor: the action says so itself.
        action = torch.where(torch.isfinite(planned.score), action, torch.nan)
        return action, shift(planned.plan), mean, std, planned.disagreement, planned.score


def controller_module(agent: Mbpo, config: ControllerConfig) -> PlannerModule:
    """The graph of an agent's controller."""
    imagination = Imagination(
        agent.model,
        agent.task,
        agent.sac.average,
        agent.sac.critics,
        gamma=agent.config.sac.gamma,
        disagreement_penalty=config.disagreement_penalty,
        terminal_value=config.terminal_value,
        # Part of the file: the controller stays a function of its inputs alone.
        propagation=draw_propagation(
            config.propagation,
            agent.model,
            config.chosen.horizon,
            torch.Generator().manual_seed(0),
        ),
    )
    return PlannerModule(imagination, config.chosen)


def predict(model: PlanningModel, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the next observation, (O,) each, of obs (O,) and action
    (A,)."""
    layout, joints = model.layout, len(model.layout.joints)
    each = (x[:, None].expand(model.members, -1, -1) for x in (obs, action))
    dq, sigma = mixture(*model.increments(*each), model.spread_scale)
    # First order: each column moves by its slope in dq. All slopes at once, beside the mean.
    nudge = torch.cat([torch.zeros(joints, 1), NUDGE * torch.eye(joints)], 1)
    before, applied = (x[:, None].expand(-1, joints + 1) for x in (obs, action))
    moved = layout.advance(before, dq + nudge, applied, xp=torch, axis=-2)
    slopes = (moved[:, 1:] - moved[:, :1]) / NUDGE
    return moved[:, 0], ((slopes * sigma.T) ** 2).sum(-1).sqrt()


def export_controller(
    agent: Mbpo,
    spec: RobotSpec,
    path: Path,
    *,
    observations: np.ndarray,
    thresholds: dict[str, Any],
    lineage: dict[str, Any],
    config: ControllerConfig | None = None,
) -> dict[str, Any]:
    """Write controller.onnx and check it against torch on recorded observations.

    Args:
        agent: model, policy and critics.
        spec: the robot it is for.
        path: the file to write.
        observations: recorded observations (B, O) for the check.
        thresholds: of the supervisor, see onboard.monitor.
        lineage: where the data came from.
        config: settings.

    Returns:
        The metadata. Raises ContractMismatchError when onnxruntime and torch disagree,
        NotFiniteError when an output on these observations is not finite.
    """
    config = config or ControllerConfig()
    module, planner, layout = controller_module(agent, config), config.chosen, agent.layout
    graph = to_onnx(module, module.shapes)
    tolerance, ties = _largest_differences(module, graph, observations)
    broken = [name for name in OUTPUTS if math.isinf(tolerance[name])]
    if broken:
        raise NotFiniteError(
            f"controller: {', '.join(broken)} is not finite on a recorded observation; "
            "the networks have diverged, train again"
        )
    if tolerance["action"] > TOLERANCE:
        raise ContractMismatchError(
            f"exported controller differs from torch by {tolerance['action']:.2e} in the action "
            f"(allowed {TOLERANCE:g}); this is a bug of the export, please report it"
        )
    if ties["share"] > MOST_TIES:
        raise ContractMismatchError(
            f"exported controller differs from torch by up to {ties['action']:.2e} in the action "
            f"in {ties['share']:.0%} of observations, though the plans are worth the same "
            f"(allowed {MOST_TIES:.0%}); either the export is wrong, or the critics tell no "
            "actions apart: look at the run's success, and train longer"
        )
    metadata = {
        "format": 1,
        "robot": spec.name,
        "fingerprint": spec.fingerprint,
        "columns": list(layout.columns),
        "actions": [{"name": a.name, "unit": a.unit, "limit": a.limit} for a in spec.actuators],
        "rate_hz": spec.control.rate_hz,
        "planner": {"name": config.planner}
        | asdict(planner)
        | {"disagreement_penalty": config.disagreement_penalty}
        | {"propagation": config.propagation.kind},
        "thresholds": thresholds,
        "lineage": lineage,
        "versions": {
            "robot_mbrl": robot_mbrl.__version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "python": platform.python_version(),
        },
        "tolerance": tolerance,
        "ties": ties,
    }
    onnx.helper.set_model_props(graph, {METADATA_KEY: json.dumps(metadata)})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, path)
    return metadata


def to_onnx(module: nn.Module, shapes: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    """Trace a module with such INPUTS into a plain ONNX graph with everything constant folded.

    The horizon is unrolled into thousands of nodes. The tracing exporter and onnxruntime's own
    folding take 3 s for that, the newer graph-capturing exporter half a minute, for the same graph.
    """
    module, example = module.eval(), tuple(torch.zeros(shapes[name]) for name in INPUTS)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter(
            "ignore"
        )  # deprecation of the tracing exporter, constants in the trace
        traced, folded = f"{folder}/traced.onnx", f"{folder}/folded.onnx"
        torch.onnx.export(
            module,
            example,
            traced,
            dynamo=False,
            opset_version=18,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
        )
        options = onnxruntime.SessionOptions()
        # Basic folds and stays within the ONNX standard, so any runtime can load the file.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = folded
        options.log_severity_level = 3
        onnxruntime.InferenceSession(traced, options, providers=["CPUExecutionProvider"])
        return onnx.load(folded)


def open_graph(graph: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """A graph ready to run on so many threads, which wait for each other by spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(threads > 1)))
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _largest_differences(
    module: PlannerModule, graph: onnx.ModelProto, observations: np.ndarray
) -> tuple[dict[str, float], dict[str, float]]:
    """Largest absolute difference between torch and onnxruntime for each output.

    Every observation gets its own noise and warm start. Where candidates' scores differ in their
    last digits, rounding decides which of them are elites: both plans are then worth the same, and
    the actions differ visibly. Such ties are told apart: their share, and the largest difference
    of the action among them.
    """
    session = open_graph(graph)
    rng = np.random.default_rng(0)
    largest, ties = dict.fromkeys(OUTPUTS, 0.0), []
    for obs in observations:
        gaps, worth_the_same = _differences(module, session, obs, rng)
        if TOLERANCE < gaps["action"] < math.inf and worth_the_same:
            ties.append(gaps["action"])
        else:
            largest = {name: max(largest[name], gaps[name]) for name in OUTPUTS}
    return largest, {"share": len(ties) / len(observations), "action": max(ties, default=0.0)}


def _differences(
    module: PlannerModule, session: Any, obs: np.ndarray, rng: np.random.Generator
) -> tuple[dict[str, float], bool]:
    """Differences at one observation, under drawn noise and warm start, infinite for NaN; and
    whether the scores of both plans are equal but for rounding."""
    feed = {
        "observation": np.asarray(obs, np.float32),
        "plan": rng.uniform(-1, 1, module.shapes["plan"]).astype(np.float32),
        "noise": rng.standard_normal(module.shapes["noise"]).astype(np.float32),
    }
    with torch.no_grad():
        expected = module(*(torch.as_tensor(feed[name]) for name in INPUTS))
    outputs = zip(OUTPUTS, session.run(None, feed), expected, strict=True)
    gaps = {name: float(np.abs(got - want.numpy()).max()) for name, got, want in outputs}
    gaps = {name: gap if math.isfinite(gap) else math.inf for name, gap in gaps.items()}
    score = float(expected[OUTPUTS.index("value")])
    return gaps, gaps["value"] <= ROUNDING * (1 + abs(score))
