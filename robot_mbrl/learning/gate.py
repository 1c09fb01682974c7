"""The gate before a robot: a controller trained in one engine, evaluated in the other.

What a controller learned from the quirks of one engine it does not know in another; on a real robot
it would not know it either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.envs.episodes import EvaluationReport, evaluate
from robot_mbrl.learning.actors import PlannerInWorlds
from robot_mbrl.learning.scale.executor import Executor, Job, SerialExecutor
from robot_mbrl.onboard import load_controller

UNSEEN = 1_000_001  # training, calibration and studies draw from other seeds
PART = 5  # worlds of a job; fixed, so that results do not depend on the number of processes


@dataclass(frozen=True)
class GateConfig:
    """Settings of the gate. Raises SettingsError for less than a world or a share that is none."""

    worlds: int = 50
    """how many, each drawn from [randomization], for one episode each"""
    pass_at: float = 0.9
    """share of the worlds in which the controller must succeed"""
    seed: int = 0
    """of worlds, encoder noise and planner"""

    def __post_init__(self) -> None:
        if self.worlds < 1:
            raise SettingsError(f"worlds: expected at least 1, got {self.worlds}")
        if not 0 <= self.pass_at <= 1:
            raise SettingsError(f"pass_at: expected a share from 0 to 1, got {self.pass_at}")


@dataclass(frozen=True)
class GateReport:
    """One episode in each of B worlds.

    Attributes:
        success: (B,).
        returns: (B,).
        terminated: by the task's limit, (B,).
        pass_at: share of success that was asked.
    """

    success: np.ndarray
    returns: FloatArray
    terminated: np.ndarray
    pass_at: float

    @property
    def passed(self) -> bool:
        """Whether it succeeded in enough of the worlds."""
        return bool(self.success.mean() >= self.pass_at)

    def to_json(self) -> dict[str, Any]:
        """Means, and the verdict."""
        return {
            "worlds": len(self.success),
            "success": float(self.success.mean()),
            "return": float(self.returns.mean()),
            "terminated": float(self.terminated.mean()),
            "pass_at": self.pass_at,
            "passed": self.passed,
        }


@dataclass(frozen=True)
class GatePart:
    """A few of the worlds, for one process."""

    controller: Path
    robot: str
    make_env: Callable[..., Any]
    worlds: int
    seed: int


def evaluate_in_worlds(
    controller: Path,
    spec: RobotSpec,
    make_env: Callable[..., Any],
    config: GateConfig | None = None,
    executor: Executor | None = None,
) -> GateReport:
    """Evaluate a controller in worlds that it has not seen.

    Args:
        controller: controller.onnx.
        spec: the robot, whose folder is read again by each part.
        make_env: `make_env(spec, num_envs, seed=...)` -> vector environment of the engine that is
            to decide; for other processes a function of a module, or a partial of one.
        config: settings.
        executor: does the jobs; this process by default.
    """
    config = config or GateConfig()
    parts = [
        GatePart(
            controller,
            str(spec.folder),
            make_env,
            worlds=min(PART, config.worlds - first),
            seed=int(np.random.SeedSequence((UNSEEN, config.seed, first)).generate_state(1)[0]),
        )
        for first in range(0, config.worlds, PART)
    ]
    jobs = [Job(f"{p.worlds} worlds, seed {p.seed}", evaluate_part, (p,)) for p in parts]
    reports = list((executor or SerialExecutor()).map(jobs))
    return GateReport(
        np.concatenate([r.success for r in reports]),
        np.concatenate([r.returns for r in reports]),
        np.concatenate([r.terminated for r in reports]),
        config.pass_at,
    )


def evaluate_part(part: GatePart) -> EvaluationReport:
    """One episode in each of a few worlds."""
    spec = load_robot(part.robot)
    controller = load_controller(part.controller, spec, seed=part.seed)
    env = part.make_env(spec, part.worlds, seed=part.seed)
    try:
        policy = PlannerInWorlds(controller, part.worlds, part.seed)
        return evaluate(env, policy, seed=part.seed, task=env.task)
    finally:
        env.close()
