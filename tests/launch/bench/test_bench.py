"""Benches: what they count is right, and they run; how fast a machine is, is no test."""

import dataclasses
import importlib
import itertools
import sys
import unittest.mock
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from launch.bench.planner import measure_planner
from launch.bench.planner_cases import (
    CASES,
    PlannerCase,
    draw_inputs,
    measure_cases,
    plain_graph,
    planner,
    untrained,
)
from launch.bench.sgemm import PRODUCT_FLOP, SgemmLimit, fastest
from launch.bench.sim import bare_rate, measure_sim, mover
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import RobotMbrlError
from robot_mbrl.export.graph_cost import graph_cost
from robot_mbrl.models.ensemble.ensemble import ActivationName, DynamicsEnsemble
from robot_mbrl.onboard import load_for_robot
from robot_mbrl.onboard.controller.output import INPUTS
from sim import mujoco_model


def graph(path: Path, *shapes: tuple[int, ...]) -> Path:
    """x @ w1 @ w2 ... + relu as a file."""
    names = [f"x{k}" for k in range(len(shapes))]
    weights = [onnx.numpy_helper.from_array(np.ones(s, np.float32), f"w{s}") for s in shapes[1:]]
    nodes = [
        onnx.helper.make_node("MatMul", [a, w.name], [b])
        for a, b, w in zip(names, names[1:], weights, strict=False)
    ]
    nodes.append(onnx.helper.make_node("Relu", [names[-1]], ["y"]))
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    ends = make("x0", kind, shapes[0]), make("y", kind, None)
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", *[[e] for e in ends], weights)),
        path,
    )
    return path


def test_flops_of_matrix_products_are_counted_with_their_batches(tmp_path: Path) -> None:
    cost = graph_cost(graph(tmp_path / "g.onnx", (3, 7, 5), (3, 5, 11), (11, 2)))
    assert cost.flops == 2 * 3 * 7 * 5 * 11 + 2 * 3 * 7 * 11 * 2
    assert cost.nodes == {"MatMul": 2, "Relu": 1}


def test_flops_of_a_convolution_are_those_of_its_weights_that_are_not_padding(
    tmp_path: Path,
) -> None:
    """Two groups, each 3 -> 5 columns of which one is padding, at 7 places."""
    weight = np.ones((10, 3, 1, 1), np.float32)
    weight[[4, 9]] = 0.0
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], group=2, kernel_shape=[1, 1])
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    ends = make("x", kind, (1, 6, 7, 1)), make("y", kind, None)
    weights = [onnx.numpy_helper.from_array(weight, "w")]
    whole = onnx.helper.make_graph([node], "g", *[[e] for e in ends], weights)
    onnx.save(onnx.helper.make_model(whole), tmp_path / "g.onnx")
    assert graph_cost(tmp_path / "g.onnx").flops == 2 * 2 * 3 * 4 * 7


def test_a_planner_is_timed(spec: RobotSpec, controller: Path) -> None:
    found, loaded = load_for_robot(controller, None, seed=0)
    times = measure_planner(controller, loaded, found, calls=40)
    assert 0 < times.p50_ms <= times.p99_ms
    assert times.sgemm_library in ("torch", "numpy", "onnxruntime")
    assert times.nodes > 0


def test_the_limit_is_the_fastest_of_three_libraries() -> None:
    rates = SgemmLimit(1).measure()
    assert set(rates) == {"torch", "numpy", "onnxruntime"}
    assert all(1e9 < rate < 1e13 for rate in rates.values())
    best = fastest({"torch": 50e9, "numpy": 40e9, "onnxruntime": 85e9})
    assert (best.library, best.flop_s) == ("onnxruntime", 85e9)


def test_threads_that_were_not_asked_for_make_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy on two cores is no limit of one: 1 s of wall-clock and 2 s of CPU time count as 2 s."""
    wall, cpu = itertools.count(0.0, 1.0), itertools.count(0.0, 2.0)
    limits = SgemmLimit(1), SgemmLimit(2)
    monkeypatch.setattr("time.perf_counter", lambda: next(wall))
    monkeypatch.setattr("time.process_time", lambda: next(cpu))
    one, two = (limit.measure() for limit in limits)
    assert one["numpy"] == one["torch"] / 2 == PRODUCT_FLOP / 2
    assert two["numpy"] == two["torch"] == PRODUCT_FLOP


def test_the_ways_to_simulate_are_timed() -> None:
    rates = measure_sim("simple_pendulum", 3, seconds=0.3, rounds=2, threads=1)
    assert min(rates.vector, rates.bare, rates.sync) > 0
    assert rates.bullet > 0 or np.isnan(rates.bullet)
    assert (rates.worlds, rates.threads) == (3, 1)
    assert 0 < rates.vector_to_bare < np.inf
    assert 0 < rates.vector_to_sync < np.inf
    assert 500 < rates.bytes_per_world < 100_000  # its state alone is 200 bytes


def test_bare_steps_are_physics_steps_of_moving_worlds(spec: RobotSpec) -> None:
    model = mujoco_model(spec)
    assert bare_rate(spec, model, steps=100, threads=2) > 0
    with unittest.mock.patch("mujoco.mj_step") as step:
        mover(spec, model, 1000 * 3 + 7, seed=0)()
    assert sum(call.args[2] for call in step.call_args_list) == 3007
    assert (step.call_args.args[1].qvel != 0).all()


TINY = PlannerCase(members=2, hidden=8, layers=3, candidates=10, horizon=2, iterations=2)
SHALLOW = dataclasses.replace(TINY, layers=1)
SMALL = dataclasses.replace(TINY, members=3, hidden=12, candidates=30, horizon=6)


def test_the_activation_is_that_of_the_cases_networks() -> None:
    silu, relu = (planner(TINY, name).imagination.model for name in ("silu", "relu"))
    assert (silu.activation, relu.activation) == ("silu", "relu")
    x, action = torch.ones(2, 4, 3), torch.ones(2, 1, 3)
    assert not torch.allclose(silu.increments(x, action)[0], relu.increments(x, action)[0])


def test_rows_and_arithmetic_of_a_case_are_counted() -> None:
    assert CASES["a"].model_rows == 5 * 128 * 10 * 3
    assert CASES["b"].model_rows == 5 * 400 * 15 * 4
    assert TINY.flops == 2 * (2 * 10 * 2 * 2) * (5 * 8 + 2 * 8 * 8 + 8 * 4)


@pytest.mark.slow
def test_a_case_is_measured_against_references(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytorch_mppi")
    monkeypatch.setattr("launch.bench.planner_cases.WARM", 0.001)
    monkeypatch.setattr("launch.bench.planner_cases.MEASURED", 0.001)
    found = measure_cases(1, "silu", {"a": TINY, "b": SHALLOW})
    assert set(found) == {"a", "b"}
    for size, case in zip((TINY, SHALLOW), found.values(), strict=True):
        assert case["activation"] == "silu"
        assert case["model_rows"] == TINY.model_rows == SHALLOW.model_rows
        for key in ("ort_ms_1_thread", "ort_ms_2_threads", "torch_ms_1_thread"):
            assert case[key] > 0
        ratio = case["mppi_ms_1_thread"] / case["ort_ms_1_thread"]
        assert case["pytorch_mppi_ratio"] == pytest.approx(ratio)
        for threads in ("1_thread", "2_threads"):
            rate = size.flops / (1e6 * case[f"ort_ms_{threads}"])
            share = rate / case[f"sgemm_gflop_s_{threads}"]
            assert case[f"sgemm_share_{threads}"] == pytest.approx(share)
            assert case[f"sgemm_library_{threads}"] in ("torch", "numpy", "onnxruntime")


@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_the_plain_graph_plans_the_same(
    activation: ActivationName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written twice, the second time without what makes it fast: score, plan and prediction."""

    def livelier(case: PlannerCase, activation: ActivationName) -> DynamicsEnsemble:
        """Some plans fall within the horizon, none at once."""
        model = untrained(case, activation)
        model.layers[-1].weight.data *= 20  # untrained, it moves next to nothing
        return model

    monkeypatch.setattr("launch.bench.planner_cases.untrained", livelier)
    module, plain = planner(SMALL, activation), plain_graph(SMALL, activation)
    drawn = draw_inputs(module)
    feed = [torch.as_tensor(drawn[name]) for name in INPUTS]
    with torch.no_grad():
        for ours, theirs in zip(module(*feed), plain(*feed), strict=True):
            torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)
        score = module.imagination(feed[0], feed[2][0]).score
    assert score.max() - score.min() > 1  # ticks


def test_the_reference_predicts_as_many_rows() -> None:
    pytest.importorskip("pytorch_mppi")
    from launch.bench.reference.mppi import make_reference

    imagination, rows = planner(TINY, "silu").imagination, 0
    increments = imagination.model.increments

    def counting(x: torch.Tensor, action: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal rows
        rows += x.shape[0] * x.shape[2]
        return increments(x, action)

    with unittest.mock.patch.object(imagination.model, "increments", counting):
        make_reference(imagination, TINY.candidates * TINY.iterations, TINY.horizon)()
    assert rows == TINY.model_rows


def test_a_missing_reference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_mppi", None)
    monkeypatch.delitem(sys.modules, "launch.bench.reference.mppi", raising=False)
    with pytest.raises(RobotMbrlError, match=r"pip install '\.\[bench\]'"):
        importlib.import_module("launch.bench.reference.mppi")
