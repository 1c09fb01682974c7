"""`robot-mbrl bench worlds`: a run in worlds it has not seen, policy alone and planner."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

import sim
from launch.verb import Outcome, Verb
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.envs.episodes import evaluate
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.learning.actors import PlannerInWorlds
from robot_mbrl.learning.scale.executor import Job, ProcessExecutor
from robot_mbrl.onboard import load_controller
from robot_mbrl.runs.load_agent import load_agent

UNSEEN = 1_000_000  # training and calibration draw from SeedSequences of small numbers


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """A run in randomized worlds of unseen seeds: policy alone and planner."""

    run: Path
    """run folder"""
    worlds: int = 256
    """how many, one episode each"""
    actors: tuple[Literal["policy", "planner"], ...] = ("policy", "planner")
    """the policy alone, and the exported controller"""
    controller: Path | None = None
    """a controller exported from the run; without one, it is exported with the usual settings"""
    seed: int = 0
    """of the worlds"""


@dataclass(frozen=True)
class WorldsPart:
    """The worlds of one process."""

    robot: str
    controller: Path
    worlds: int
    seed: int


def run(settings: Settings) -> Outcome:
    """Policy and planner in unseen worlds."""
    return Outcome(measure_worlds(settings))


def measure_worlds(settings: Settings) -> dict[str, Any]:
    """Success and return of each actor; the same worlds for both."""
    torch.set_num_threads(1)
    halves = [n for n in (settings.worlds // 2, settings.worlds - settings.worlds // 2) if n]
    measure = {"policy": _policy_in_parts, "planner": _planner_in_parts}
    rows: dict[str, dict[str, float]] = {
        name: _pool(measure[name](settings, halves)) for name in settings.actors
    }
    for name, row in rows.items():
        print(
            f"{name:>8}: success {row['success']:.1%} of {settings.worlds} unseen worlds, return "
            f"{row['return']:.1f}, ended by the task's limit {row['terminated']:.1%}"
        )
    return {**rows, "worlds": settings.worlds}


def _policy_in_parts(settings: Settings, parts: list[int]) -> list[dict[str, np.ndarray]]:
    agent, spec = load_agent(settings.run)
    return [
        _evaluate(spec, agent.policy(), n, UNSEEN + settings.seed + k) for k, n in enumerate(parts)
    ]


def _planner_in_parts(settings: Settings, parts: list[int]) -> list[dict[str, np.ndarray]]:
    """Each part in a process of its own."""
    _, spec = load_agent(settings.run)
    with tempfile.TemporaryDirectory() as folder:
        controller = settings.controller or Path(folder) / "controller.onnx"
        if settings.controller is None:
            export_run(settings.run, controller)
        first = UNSEEN + settings.seed
        work = [WorldsPart(str(spec.folder), controller, n, first + k) for k, n in enumerate(parts)]
        jobs = [
            Job(f"planner, part {k + 1}, {p.worlds} worlds", evaluate_planner, (p,))
            for k, p in enumerate(work)
        ]
        return list(ProcessExecutor().map(jobs))


def evaluate_planner(part: WorldsPart) -> dict[str, np.ndarray]:
    """One process: the exported controller in every world, each with its own plan."""
    spec = load_robot(part.robot)
    controller = load_controller(part.controller, spec, seed=part.seed)
    return _evaluate(
        spec, PlannerInWorlds(controller, part.worlds, part.seed), part.worlds, part.seed
    )


def _evaluate(spec: RobotSpec, act: Any, worlds: int, seed: int) -> dict[str, np.ndarray]:
    env = sim.make_vec_env(spec, worlds, seed=seed, threads=1)
    report = evaluate(env, act, seed=seed, task=env.task)
    env.close()
    return {
        "success": report.success,
        "return": report.returns,
        "terminated": report.terminated,
    }


def _pool(parts: list[dict[str, np.ndarray]]) -> dict[str, float]:
    return {name: float(np.concatenate([p[name] for p in parts]).mean()) for name in parts[0]}
