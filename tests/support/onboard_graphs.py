"""A tiny controller.onnx made by hand, so that every output is known in closed form."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from robot_mbrl.contract import RobotSpec
from robot_mbrl.onboard import ControllerMetadata

ITERATIONS, CANDIDATES, HORIZON = 2, 4, 3


def constant(name: str, value: np.ndarray) -> onnx.NodeProto:
    return helper.make_node(
        "Constant", [], [name], value=numpy_helper.from_array(np.asarray(value), name)
    )


def write_controller(
    path: Path,
    spec: RobotSpec,
    *,
    metadata: ControllerMetadata | None = None,
    with_metadata: bool = True,
    poison: bool = False,
    drop_output: str = "",
) -> Path:
    """action = plan[0] + mean(noise); plan shifted by one; mean = observation, std = 0.5;
    disagreement = 0.1, 0.2, 0.3; value = sum(observation), or log(-1) = NaN when poisoned."""
    metadata = metadata or ControllerMetadata.from_spec(spec)
    O, A = len(metadata.columns), len(metadata.actions)  # noqa: E741
    f = TensorProto.FLOAT
    inputs = [
        helper.make_tensor_value_info("observation", f, [O]),
        helper.make_tensor_value_info("plan", f, [HORIZON, A]),
        helper.make_tensor_value_info("noise", f, [ITERATIONS, CANDIDATES, HORIZON, A]),
    ]
    shapes = {
        "action": [A], "plan_next": [HORIZON, A], "predicted_mean": [O], "predicted_std": [O],
        "disagreement": [HORIZON], "value": [],
    }  # fmt: skip
    nodes = [
        constant("zero", np.array([0])),
        constant("one", np.array([1])),
        constant("end", np.array([HORIZON])),
        constant("axis", np.array([0])),
        helper.make_node("Slice", ["plan", "zero", "one", "axis"], ["head"]),
        helper.make_node("Slice", ["plan", "one", "end", "axis"], ["tail"]),
        helper.make_node("Squeeze", ["head", "axis"], ["first"]),
        helper.make_node("ReduceMean", ["noise"], ["mean_noise"], keepdims=0),
        helper.make_node("Add", ["first", "mean_noise"], ["action"]),
        constant("last", np.full((1, A), 0.25, dtype=np.float32)),
        helper.make_node("Concat", ["tail", "last"], ["plan_next"], axis=0),
        helper.make_node("Identity", ["observation"], ["predicted_mean"]),
        constant("predicted_std", np.full(O, 0.5, dtype=np.float32)),
        constant("disagreement", np.array([0.1, 0.2, 0.3], dtype=np.float32)),
        helper.make_node("ReduceSum", ["observation"], ["sum"], keepdims=0),
        constant("minus", np.array(-1.0, dtype=np.float32)),
        helper.make_node("Log", ["minus"], ["value"])
        if poison
        else helper.make_node("Identity", ["sum"], ["value"]),
    ]
    outputs = [
        helper.make_tensor_value_info(n, f, s) for n, s in shapes.items() if n != drop_output
    ]
    graph = helper.make_graph(nodes, "controller", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if with_metadata:
        helper.set_model_props(model, {"robot_mbrl": metadata.to_json()})
    onnx.save(model, str(path))
    return path
