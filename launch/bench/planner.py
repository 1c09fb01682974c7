"""How long one plan of a controller takes on one thread, and its share of the sgemm rate."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec
from robot_mbrl.export.controller_file import export_controller
from robot_mbrl.export.graph_cost import graph_cost
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.onboard import OnnxController
from robot_mbrl.tasks import make_task

MATRIX = 384  # three of them stay in the cache of one core
ROUNDS = 20


@dataclass(frozen=True)
class PlannerTimes:
    """Milliseconds of a plan on one thread; matrix products against the measured sgemm rate.

    Attributes:
        p50_ms, p99_ms: of one call.
        network_mflop: arithmetic of the graph's matrix products in one call.
        sgemm_gflop_s: rate of a large single-precision product on one thread, in the same run.
        share_of_sgemm: network_mflop / p50_ms as a share of that rate.
        nodes: of the graph.
    """

    p50_ms: float
    p99_ms: float
    network_mflop: float
    sgemm_gflop_s: float
    share_of_sgemm: float
    nodes: int


def measure_planner(
    path: Path, controller: OnnxController, spec: RobotSpec, *, calls: int
) -> PlannerTimes:
    """Time `calls` calls, with the sgemm rate measured in between."""
    cost = graph_cost(path)
    observer, rng = Observer(ObservationLayout.from_spec(spec)), np.random.default_rng(0)
    times, rates = [], []
    for _ in range(ROUNDS):
        rates.append(sgemm_flop_s())
        for _ in range(max(1, calls // ROUNDS)):
            obs = observer.reset(rng.uniform(-1, 1, len(spec.joints)))
            times.append(controller.act(obs).plan_time_s)
    rate, typical = statistics.median(rates), statistics.median(times)
    return PlannerTimes(
        p50_ms=1e3 * typical,
        p99_ms=1e3 * float(np.quantile(times, 0.99)),
        network_mflop=cost.flops / 1e6,
        sgemm_gflop_s=rate / 1e9,
        share_of_sgemm=cost.flops / typical / rate,
        nodes=sum(cost.nodes.values()),
    )


def sgemm_flop_s(threads: int = 1) -> float:
    """Rate of a product of square float32 matrices on so many threads, best of a few."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.ones(MATRIX, MATRIX), torch.ones(MATRIX, MATRIX)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    torch.set_num_threads(before)
    return 2 * MATRIX**3 / min(times)


def export_untrained(spec: RobotSpec, path: Path) -> None:
    """A controller of the default sizes with initial weights: as fast as a trained one."""
    layout = ObservationLayout.from_spec(spec)
    agent = Mbpo(layout, make_task(spec), MbpoConfig(), 1, seed=0)
    agent.model.elites = torch.arange(FitConfig().elites)
    start = Observer(layout).reset(np.zeros(len(spec.joints)))
    export_controller(agent, spec, path, observations=start[None], thresholds={}, lineage={})
