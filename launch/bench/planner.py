"""How long one plan of a controller takes on one thread, and its share of the sgemm rate."""

import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from launch.bench.planner_cases import measure_cases, print_cases
from launch.bench.sgemm import SgemmLimit, fastest, medians
from launch.terminal import print_numbers
from launch.verb import Outcome, Verb
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec, load_robot
from robot_mbrl.export.controller_file import export_controller
from robot_mbrl.export.graph_cost import graph_cost
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.onboard import OnnxController, load_for_robot
from robot_mbrl.tasks import make_task

ROUNDS = 20


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Milliseconds of one plan, and its share of the sgemm rate.

    By default two problems of fixed size, a and b, see planner_cases.py: onnxruntime on one
    and two threads, torch, and pytorch_mppi at equal model rows. With --controller or --robot a
    real controller on one thread.
    """

    controller: Path | None = None
    """measure this controller.onnx"""
    robot: str | None = None
    """built-in robot or robot folder of the controller; without one, measure an untrained
    controller of the default sizes"""
    calls: int = 500
    """plans of a controller that are measured"""
    rounds: int = 20
    """measurements of each way to solve a and b; medians are reported"""
    activation: Literal["silu", "relu"] = "silu"
    """of the hidden layers in a and b"""


@dataclass(frozen=True)
class PlannerTimes:
    """Milliseconds of a plan on one thread; matrix products against the measured sgemm rate.

    Attributes:
        p50_ms, p99_ms: of one call.
        network_mflop: arithmetic of the graph's matrix products in one call.
        sgemm_gflop_s: rate of a large single-precision product on one thread, in the same run, of
            the library that is fastest here.
        sgemm_library: which that is: torch, numpy or onnxruntime.
        share_of_sgemm: network_mflop / p50_ms as a share of that rate.
        nodes: of the graph.
    """

    p50_ms: float
    p99_ms: float
    network_mflop: float
    sgemm_gflop_s: float
    sgemm_library: str
    share_of_sgemm: float
    nodes: int


def run(settings: Settings) -> Outcome:
    """Milliseconds per plan: of a and b, of the given controller, or of an untrained one."""
    if settings.controller is None and settings.robot is None:
        cases = measure_cases(settings.rounds, settings.activation)
        print_cases(cases)
        return Outcome(cases)
    with tempfile.TemporaryDirectory() as folder:
        path = settings.controller or Path(folder) / "controller.onnx"
        if settings.controller is None and settings.robot is not None:
            export_untrained(load_robot(settings.robot), path)
        spec, controller = load_for_robot(path, settings.robot, seed=0)
        times = asdict(measure_planner(path, controller, spec, calls=settings.calls))
    print_numbers(times)
    return Outcome(times)


def measure_planner(
    path: Path, controller: OnnxController, spec: RobotSpec, *, calls: int
) -> PlannerTimes:
    """Time `calls` calls, with the sgemm rate measured in between."""
    cost, limit = graph_cost(path), SgemmLimit(1)
    observer, rng = Observer(ObservationLayout.from_spec(spec)), np.random.default_rng(0)
    times, rates = [], []
    for _ in range(ROUNDS):
        rates.append(limit.measure())
        for _ in range(max(1, calls // ROUNDS)):
            obs = observer.reset(rng.uniform(-1, 1, len(spec.joints)))
            times.append(controller.act(obs).plan_time_s)
    sgemm, typical = fastest(medians(rates)), statistics.median(times)
    return PlannerTimes(
        p50_ms=1e3 * typical,
        p99_ms=1e3 * float(np.quantile(times, 0.99)),
        network_mflop=cost.flops / 1e6,
        sgemm_gflop_s=sgemm.flop_s / 1e9,
        sgemm_library=sgemm.library,
        share_of_sgemm=cost.flops / typical / sgemm.flop_s,
        nodes=sum(cost.nodes.values()),
    )


def export_untrained(spec: RobotSpec, path: Path) -> None:
    """A controller of the default sizes with initial weights: as fast as a trained one."""
    layout = ObservationLayout.from_spec(spec)
    agent = Mbpo(layout, make_task(spec), MbpoConfig(), 1, seed=0)
    agent.model.elites = torch.arange(FitConfig().elites)
    start = Observer(layout).reset(np.zeros(len(spec.joints)))
    export_controller(agent, spec, path, observations=start[None], thresholds={}, lineage={})
