"""The interface of every controller: what it is asked, what it answers, and the graph's names."""

from dataclasses import dataclass
from typing import Protocol

from robot_mbrl.contract.arrays import Float32, FloatArray

METADATA_KEY = "robot_mbrl"
"""Of the JSON record inside controller.onnx."""
INPUTS = {"observation": 1, "plan": 2, "noise": 4}
"""Inputs of the graph and how many dimensions each has: (O,), (H, A), (I, N, H, A)."""
OUTPUTS = ("action", "plan_next", "predicted_mean", "predicted_std", "disagreement", "value")
"""Outputs of the graph. Its names are unique: the shifted plan cannot be called "plan" too."""


@dataclass(frozen=True)
class ControllerOutput:
    """What a controller decided and expects.

    Attributes:
        action: (A,) in [-1, 1].
        plan: (H, A), shifted by one tick, the warm start of the next call.
        predicted_mean: next observation if `action` is applied, (O,); NaN where unknown.
        predicted_std: its spread, (O,).
        disagreement: of the ensemble along the plan, (H,).
        value: predicted return of the plan.
        plan_time_s: time this took.
    """

    action: FloatArray
    plan: Float32
    predicted_mean: FloatArray
    predicted_std: FloatArray
    disagreement: FloatArray
    value: float
    plan_time_s: float


class Controller(Protocol):
    """What the control loop needs of a controller, be it a graph, a policy or noise."""

    def reset(self) -> None:
        """Start an episode."""

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Decide from observation (O,)."""
