"""Whether a graph does in onnxruntime what its module does in torch."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch

from robot_mbrl.contract.errors import ContractMismatchError, NotFiniteError
from robot_mbrl.export.graph import PlannerModule
from robot_mbrl.export.onnx_graph import open_graph
from robot_mbrl.onboard.controller.output import INPUTS, OUTPUTS

TOLERANCE = 1e-3  # largest accepted difference of the action between torch and onnxruntime
ROUNDING = 2e-5  # of a score, in single precision after a thousand operations
MOST_TIES = 0.25  # of observations; what happens more often is no accident of rounding


@dataclass(frozen=True)
class Differences:
    """Between torch and onnxruntime.

    Attributes:
        tolerance: largest absolute difference of each output.
        ties: "share" of the observations at which rounding decided between plans that are worth the
            same, and the largest difference of the "action" there.
    """

    tolerance: dict[str, float]
    ties: dict[str, float]

    def check(self) -> None:
        """Raise NotFiniteError for an output that is not finite, ContractMismatchError for
        differences that no rounding explains."""
        tolerance, ties = self.tolerance, self.ties
        broken = [name for name in OUTPUTS if math.isinf(tolerance[name])]
        if broken:
            raise NotFiniteError(
                f"controller: {', '.join(broken)} is not finite on a recorded observation; "
                "the networks have diverged, train again"
            )
        if tolerance["action"] > TOLERANCE:
            raise ContractMismatchError(
                f"exported controller differs from torch by {tolerance['action']:.2e} in the "
                f"action (allowed {TOLERANCE:g}); this is a bug of the export, please report it"
            )
        if ties["share"] > MOST_TIES:
            raise ContractMismatchError(
                f"exported controller differs from torch by up to {ties['action']:.2e} in the "
                f"action in {ties['share']:.0%} of observations, though the plans are worth the "
                f"same (allowed {MOST_TIES:.0%}); either the export is wrong, or the critics tell "
                "no actions apart: look at the run's success, and train longer"
            )


def largest_differences(
    module: PlannerModule, graph: onnx.ModelProto, observations: np.ndarray
) -> Differences:
    """Compare torch and onnxruntime.

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
    return Differences(
        largest, {"share": len(ties) / len(observations), "action": max(ties, default=0.0)}
    )


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
