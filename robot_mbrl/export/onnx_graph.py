"""A torch module -> a plain ONNX graph, and a graph ready to run."""

import tempfile
import warnings

import onnx
import onnxruntime
import torch
from torch import nn

from robot_mbrl.contract.errors import DataError
from robot_mbrl.onboard.controller.output import INPUTS, OUTPUTS


def to_onnx(module: nn.Module, shapes: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    """Trace a module with such INPUTS into a plain ONNX graph with everything constant folded.

    The horizon is unrolled into thousands of nodes. The tracing exporter and onnxruntime's own
    folding take 3 s for that, the newer graph-capturing exporter half a minute, for the same graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        traced, folded = f"{folder}/traced.onnx", f"{folder}/folded.onnx"
        try:
            _trace(module.eval(), shapes, traced)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror})") from error
        return _fold(traced, folded)


def _trace(module: nn.Module, shapes: dict[str, tuple[int, ...]], path: str) -> None:
    example = tuple(torch.zeros(shapes[name]) for name in INPUTS)
    with warnings.catch_warnings(), torch.no_grad():
        # deprecation of the tracing exporter, constants in the trace
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            path,
            dynamo=False,
            opset_version=18,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
        )


def _fold(traced: str, folded: str) -> onnx.ModelProto:
    """The graph with its constants folded, by way of a second file."""
    options = onnxruntime.SessionOptions()
    # Basic folds and stays within the ONNX standard, so any runtime can load the file.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = folded
    options.log_severity_level = 3
    try:
        onnxruntime.InferenceSession(traced, options, providers=["CPUExecutionProvider"])
        return onnx.load(folded)
    except Exception as error:  # onnxruntime's errors share no public base
        raise DataError(f"{folded}: cannot be written or read back ({error})") from error


def open_graph(graph: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """A graph ready to run on so many threads, which wait for each other by spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(threads > 1)))
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
