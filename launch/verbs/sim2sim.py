"""`robot-mbrl sim2sim`: a controller trained in one engine, evaluated in the other."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

import sim
from launch.verb import OK, REJECTED, Outcome, Verb
from robot_mbrl.contract import RobotSpec
from robot_mbrl.learning.gate import GateConfig, GateReport, evaluate_in_worlds
from robot_mbrl.learning.scale.executor import ProcessExecutor, SerialExecutor
from robot_mbrl.onboard import load_for_robot
from sim.worlds import Backend


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Evaluate a controller in an engine it was not trained in, in randomized worlds.

    What a controller learned from the quirks of one engine it does not know in another; on a real
    robot it would not know it either. Exit code: 0 if it passes, 4 if it does not.
    """

    controller: Path
    """controller.onnx, made by `robot-mbrl export`"""
    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    backend: Backend = "pybullet"
    """the engine that decides"""
    config: Annotated[GateConfig, tyro.conf.arg(name="")] = field(default_factory=GateConfig)
    """how much is asked"""
    processes: int = 0
    """how many evaluate at a time; 0 takes one per core"""


def run(settings: Settings) -> Outcome:
    """Evaluate and print the verdict."""
    spec, _ = load_for_robot(settings.controller, settings.robot, seed=settings.config.seed)
    sim.make_env(spec, backend=settings.backend).close()  # says at once if it cannot be had
    report = evaluate_in_processes(settings, spec)
    result = {"robot": spec.name, "backend": settings.backend} | report.to_json()
    print(
        f"{settings.controller} in {settings.backend}: success {result['success']:.1%} of "
        f"{result['worlds']} randomized worlds, return {result['return']:.1f}, ended by the task's "
        f"limit {result['terminated']:.1%}"
    )
    verdict = "passed" if report.passed else "NOT passed"
    print(f"  {verdict}: at least {report.pass_at:.0%} was asked")
    return Outcome(result, OK if report.passed else REJECTED)


def evaluate_in_processes(settings: Settings, spec: RobotSpec) -> GateReport:
    """The gate, a few worlds a process at a time."""
    make_env = partial(sim.make_vec_env, backend=settings.backend, threads=1)
    alone = settings.processes == 1
    executor = SerialExecutor() if alone else ProcessExecutor(settings.processes)
    return evaluate_in_worlds(settings.controller, spec, make_env, settings.config, executor)
