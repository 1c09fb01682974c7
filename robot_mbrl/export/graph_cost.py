"""What a controller's graph costs: the arithmetic of its matrix products, convolutions included,
counted from their shapes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx


@dataclass(frozen=True)
class GraphCost:
    """Floating point operations of all matrix products of one call, and nodes by kind.

    Weights that are exactly zero pad a convolution's operands and are not counted.
    """

    flops: int
    nodes: dict[str, int]


def graph_cost(path: Path) -> GraphCost:
    """Count 2 M N K for each product (M, K) x (K, N), batches included; shapes are static.

    A convolution counts 2 for each weight and place of its output.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    graph = model.graph
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    used = {t.name: _nonzero(t) for t in graph.initializer if len(t.dims) == 4}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    flops = 0
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm"):
            turned = any(a.name == "transA" and a.i for a in node.attribute)
            inner = shapes[node.input[0]][-2 if turned else -1]
            flops += 2 * inner * _size(shapes[node.output[0]])
        elif node.op_type == "Conv":
            batch, _, *places = shapes[node.output[0]]
            flops += 2 * used[node.input[1]] * batch * _size(tuple(places))
    return GraphCost(flops, dict(Counter(n.op_type for n in graph.node).most_common()))


def _nonzero(tensor: onnx.TensorProto) -> int:
    return int(np.count_nonzero(onnx.numpy_helper.to_array(tensor)))


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size
