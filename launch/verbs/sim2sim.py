"""`robot-mbrl sim2sim`: a controller trained in one engine, judged in the other."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import sim
from launch.verb import OK, REJECTED, Outcome, Verb
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.envs.episodes import EvaluationReport, evaluate
from robot_mbrl.learning.planner_in_worlds import PlannerInWorlds
from robot_mbrl.onboard import load_controller, load_for_robot
from sim.worlds import Backend

UNSEEN = 1_000_001  # training, calibration and bench draw from other seeds
PART = 5  # worlds judged together; fixed, so that results do not depend on the number of processes


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Judge a controller in an engine it was not trained in, in randomized worlds.

    What a controller learned from the quirks of one engine it does not know in another; on a real
    robot it would not know it either. Exit code: 0 if it passes, 4 if it does not.
    """

    controller: Path
    """controller.onnx, made by `robot-mbrl export`"""
    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    backend: Backend = "pybullet"
    """the engine that judges"""
    worlds: int = 50
    """how many, each drawn from [randomization], for one episode each"""
    pass_at: float = 0.9
    """share of the worlds in which it must succeed"""
    seed: int = 0
    """of worlds, encoder noise and planner"""
    processes: int = 0
    """how many judge at a time; 0 takes one per core"""


@dataclass(frozen=True)
class Part:
    """Some of the worlds, for one process."""

    controller: Path
    robot: str
    backend: str
    worlds: int
    seed: int


def run(settings: Settings) -> Outcome:
    """Judge and print the verdict."""
    if settings.worlds < 1:
        raise DataError(f"--worlds {settings.worlds}: expected at least 1")
    if not 0 <= settings.pass_at <= 1:
        raise DataError(f"--pass-at {settings.pass_at}: expected a share between 0 and 1")
    spec, _ = load_for_robot(settings.controller, settings.robot, seed=settings.seed)
    sim.make_env(spec, backend=settings.backend).close()  # says at once if it cannot be had
    reports = judge(settings, str(spec.folder))
    success = np.concatenate([r.success for r in reports])
    passed = bool(success.mean() >= settings.pass_at)
    result = {
        "robot": spec.name,
        "backend": settings.backend,
        "worlds": settings.worlds,
        "success": float(success.mean()),
        "return": float(np.concatenate([r.returns for r in reports]).mean()),
        "terminated": float(np.concatenate([r.terminated for r in reports]).mean()),
        "pass_at": settings.pass_at,
        "passed": passed,
    }
    print(
        f"{settings.controller} in {settings.backend}: success {success.mean():.1%} of "
        f"{settings.worlds} randomized worlds, return {result['return']:.1f}, ended by the task's "
        f"limit {result['terminated']:.1%}"
    )
    verdict = "passed" if passed else "NOT passed"
    print(f"  {verdict}: at least {settings.pass_at:.0%} was asked")
    return Outcome(result, OK if passed else REJECTED)


def judge(settings: Settings, robot: str) -> list[EvaluationReport]:
    """One episode in every world, in parts."""
    parts = [
        Part(
            settings.controller,
            robot,
            settings.backend,
            worlds=min(PART, settings.worlds - first),
            seed=int(np.random.SeedSequence((UNSEEN, settings.seed, first)).generate_state(1)[0]),
        )
        for first in range(0, settings.worlds, PART)
    ]
    processes = min(settings.processes or os.cpu_count() or 1, len(parts))
    if processes == 1:
        return [judge_part(part) for part in parts]
    # not forked: a copy of this process would hold its engine's and its controller's locks
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return list(pool.map(judge_part, parts))


def judge_part(part: Part) -> EvaluationReport:
    """One episode in each of a few worlds."""
    spec = load_robot(part.robot)
    controller = load_controller(part.controller, spec, seed=part.seed)
    env = sim.make_vec_env(spec, part.worlds, backend=part.backend, seed=part.seed, threads=1)
    try:
        act = PlannerInWorlds(controller, part.worlds, part.seed)
        return evaluate(env, act, seed=part.seed, task=env.task)
    finally:
        env.close()
