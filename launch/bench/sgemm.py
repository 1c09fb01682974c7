"""How fast this machine multiplies matrices: the limit that planning and learning are held to.

torch, numpy and onnxruntime each bring a library of their own, and which of them is best differs
from machine to machine and from run to run. The fastest is the limit.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch

from robot_mbrl.export.onnx_graph import open_graph

MATRIX = 384  # three of them stay in the cache of one core
PRODUCT_FLOP = 2 * MATRIX**3
CALLS = 8  # the best of them counts

Product = Callable[[], object]


@dataclass(frozen=True)
class Sgemm:
    """The fastest product of square float32 matrices.

    Attributes:
        library: "torch", "numpy" or "onnxruntime".
        flop_s: its rate.
    """

    library: str
    flop_s: float


def products(threads: int = 1) -> dict[str, Product]:
    """One product of each library. torch and numpy take the threads that they are set to."""
    a = np.random.default_rng(0).standard_normal((MATRIX, MATRIX)).astype(np.float32)
    tensor, session = torch.from_numpy(a), open_graph(product_graph(a), threads)
    return {
        "torch": lambda: torch.mm(tensor, tensor),
        "numpy": lambda: a @ a,
        "onnxruntime": lambda: session.run(None, {"x": a}),
    }


def product_graph(weight: np.ndarray) -> onnx.ModelProto:
    """x @ weight; like a network's layer, the weight is part of the graph."""
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    ends = [make("x", kind, weight.shape)], [make("y", kind, weight.shape)]
    initializers = [onnx.numpy_helper.from_array(weight, "w")]
    return onnx.helper.make_model(
        onnx.helper.make_graph([node], "product", *ends, initializers),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=9,
    )


class SgemmLimit:
    """The rate on so many threads, measured now and then between other things."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._products = products(threads)

    def measure(self) -> dict[str, float]:
        """FLOP/s of each library, best of a few calls."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            return {
                name: PRODUCT_FLOP / min(self._seconds(name) for _ in range(CALLS))
                for name in self._products
            }
        finally:
            torch.set_num_threads(before)

    def _seconds(self, library: str) -> float:
        """Of one call. numpy reads its number of threads once, when it is loaded: what it computed
        on more than asked for counts as the time that it would have taken on so many."""
        wall, cpu = time.perf_counter(), time.process_time()
        self._products[library]()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return max(wall, cpu / self.threads) if library == "numpy" else wall


def fastest(rates: Mapping[str, float]) -> Sgemm:
    """The library of the largest rate."""
    library = max(rates, key=lambda name: rates[name])
    return Sgemm(library, rates[library])


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each library over the rounds."""
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
