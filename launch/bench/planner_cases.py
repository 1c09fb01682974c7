"""`robot-mbrl bench planner`: two planning problems of fixed size, onnxruntime against reference
implementations.

CEM over an ensemble on four plain columns and one action, rewarded as InvertedPendulum-v5: every
member sees every candidate, without policy and value, untrained (weights do not change the time).
All measurements of a round follow each other, so that a busy machine slows them alike. Of a round
counts the best of a few calls, for plans as for the sgemm rate; reported are medians over rounds.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from launch.bench.plain_graph import PlainGraph
from launch.bench.sgemm import SgemmLimit, fastest, medians
from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.export.graph import PlannerModule
from robot_mbrl.export.onnx_graph import open_graph, to_onnx
from robot_mbrl.models.ensemble.config import EnsembleConfig, make_ensemble
from robot_mbrl.models.ensemble.ensemble import ActivationName, DynamicsEnsemble
from robot_mbrl.onboard.controller.output import INPUTS
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.tasks.classic import InvertedPendulumV5

LAYOUT = PlainLayout(4, 1)
TASK: Any = InvertedPendulumV5()  # without the goal that a robot's task has
GAMMA, PENALTY = 0.99, 0.05
WARM = 0.03  # s of calls before each measurement: caches, thread pools and clocks settle
MEASURED = 0.1  # s of calls that are measured, at least one


@dataclass(frozen=True)
class PlannerCase:
    """Sizes of a planning problem: E members of `layers` hidden layers, N candidates, H ticks, I
    rounds."""

    members: int
    hidden: int
    layers: int
    candidates: int
    horizon: int
    iterations: int

    @property
    def model_rows(self) -> int:
        """Predictions of a single member in one plan: E N H I."""
        return self.members * self.candidates * self.horizon * self.iterations

    @property
    def flops(self) -> int:
        """Arithmetic of the products that these rows need, for means alone; nothing else of a plan
        is counted: no predicted noise, no second roll-out of the plan that was decided on."""
        inputs, outputs = LAYOUT.size + LAYOUT.action_size, len(LAYOUT.joints)
        between = (self.layers - 1) * self.hidden**2
        return 2 * self.model_rows * (inputs * self.hidden + between + self.hidden * outputs)


CASES = {
    "a": PlannerCase(members=5, hidden=64, layers=2, candidates=128, horizon=10, iterations=3),
    "b": PlannerCase(members=5, hidden=128, layers=3, candidates=400, horizon=15, iterations=4),
}


def measure_cases(
    rounds: int, activation: ActivationName, cases: dict[str, PlannerCase] = CASES
) -> dict[str, Any]:
    """Measure each case; see `measure_case` for the keys."""
    return {name: measure_case(case, rounds, activation) for name, case in cases.items()}


def measure_case(case: PlannerCase, rounds: int, activation: ActivationName) -> dict[str, Any]:
    """Medians over rounds of one plan's milliseconds, and shares of the sgemm rate.

    Keys: `ort_ms_1_thread`, `ort_ms_2_threads`; `plain_ms_1_thread` of a plain graph, see
    plain_graph.py, also in onnxruntime; `torch_ms_1_thread` eager; `sgemm_share_1_thread` and
    `_2_threads`: the products' arithmetic over the time, as a share of what a large product reaches
    on as many threads in the fastest library here (`sgemm_library_...`); `mppi_ms_1_thread` of
    pytorch_mppi for equal model rows, and `pytorch_mppi_ratio`, that over ours.
    """
    ways = {name: _Way(call, threads) for name, (call, threads) in _ways(case, activation).items()}
    limits = {threads: SgemmLimit(threads) for threads in (1, 2)}
    rates: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for threads, limit in limits.items():
            rates[threads].append(limit.measure())
            for way in ways.values():
                if way.threads == threads:
                    way.measure()
    ms = {name: 1e3 * statistics.median(way.times) for name, way in ways.items()}
    sgemm = {threads: fastest(medians(found)) for threads, found in rates.items()}
    share = {n: case.flops / (1e-3 * ms[f"ort_{n}"]) / best.flop_s for n, best in sgemm.items()}
    return {
        "ort_ms_1_thread": ms["ort_1"],
        "ort_ms_2_threads": ms["ort_2"],
        "plain_ms_1_thread": ms["plain"],
        "torch_ms_1_thread": ms["torch"],
        "mppi_ms_1_thread": ms["mppi"],
        "pytorch_mppi_ratio": ms["mppi"] / ms["ort_1"],
        "sgemm_share_1_thread": share[1],
        "sgemm_share_2_threads": share[2],
        "sgemm_gflop_s_1_thread": sgemm[1].flop_s / 1e9,
        "sgemm_gflop_s_2_threads": sgemm[2].flop_s / 1e9,
        "sgemm_library_1_thread": sgemm[1].library,
        "sgemm_library_2_threads": sgemm[2].library,
        "mflop": case.flops / 1e6,
        "model_rows": case.model_rows,
        "activation": activation,
    }


def print_cases(cases: dict[str, dict[str, Any]]) -> None:
    """A table with a column for each case."""
    table = Table("", *cases)
    for name in next(iter(cases.values())):
        values = [c[name] for c in cases.values()]
        shown = [v if isinstance(v, str) else f"{v:.4g}" for v in values]
        table.add_row(name.replace("_", " "), *shown)
    Console().print(table)


class _Way:
    """One way to make a plan, and the seconds that it took."""

    def __init__(self, call: Callable[[], Any], threads: int) -> None:
        self.call, self.threads = call, threads
        self.times: list[float] = []

    def measure(self) -> None:
        """Warm up, then add the best of a few calls."""
        with torch_threads(1):
            _timed(self.call, WARM)
            self.times.append(min(_timed(self.call, MEASURED)))


def _timed(call: Callable[[], Any], seconds: float) -> list[float]:
    times: list[float] = []
    while sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _ways(
    case: PlannerCase, activation: ActivationName
) -> dict[str, tuple[Callable[[], Any], int]]:
    """What is measured, and on how many threads."""
    from launch.bench.reference.mppi import make_reference  # a package that only this needs

    module = planner(case, activation)
    feed = draw_inputs(module)
    tensors = [torch.as_tensor(feed[name]) for name in INPUTS]
    graph = to_onnx(module, module.shapes)
    samples = case.candidates * case.iterations
    plain = to_onnx(plain_graph(case, activation), module.shapes)

    @torch.no_grad()
    def eager() -> Any:
        return module(*tensors)

    def runs(graph: Any, threads: int) -> Callable[[], Any]:
        session = open_graph(graph, threads)
        return lambda: session.run(None, feed)

    return {
        "ort_1": (runs(graph, 1), 1),
        "plain": (runs(plain, 1), 1),
        "torch": (eager, 1),
        "mppi": (make_reference(module.imagination, samples, case.horizon), 1),
        "ort_2": (runs(graph, 2), 2),
    }


def planner(case: PlannerCase, activation: ActivationName) -> PlannerModule:
    """What is exported."""
    imagination = Imagination(
        untrained(case, activation),
        TASK,
        None,
        None,
        gamma=GAMMA,
        disagreement_penalty=PENALTY,
        terminal_value=False,
    )
    return PlannerModule(imagination, search(case))


def plain_graph(case: PlannerCase, activation: ActivationName) -> PlainGraph:
    """The same without what makes it fast."""
    model = untrained(case, activation)
    return PlainGraph(model, TASK, search(case), gamma=GAMMA, penalty=PENALTY)


def untrained(case: PlannerCase, activation: ActivationName) -> DynamicsEnsemble:
    """An ensemble of which all members are elites."""
    sizes = EnsembleConfig(case.members, case.hidden, layers=case.layers, activation=activation)
    return make_ensemble(LAYOUT, sizes, torch.Generator().manual_seed(0))


def search(case: PlannerCase) -> CemConfig:
    """Settings of CEM, without a policy."""
    return CemConfig(
        horizon=case.horizon,
        candidates=case.candidates,
        iterations=case.iterations,
        elites=max(1, case.candidates // 10),
        proposals=0,
        sigma=0.5,
    )


def draw_inputs(module: PlannerModule) -> dict[str, np.ndarray]:
    """An observation near upright, a warm start and noise."""
    rng = np.random.default_rng(0)
    drawn = {name: rng.standard_normal(shape) for name, shape in module.shapes.items()}
    drawn["observation"] *= 0.05
    drawn["plan"] = np.tanh(drawn["plan"])
    return {name: x.astype(np.float32) for name, x in drawn.items()}


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """So many threads for torch meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
