"""Task names to tasks."""

import importlib
from typing import Any

import numpy as np

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.task import Task
from robot_mbrl.tasks.cart_pole import PoleOnCartSwingUp
from robot_mbrl.tasks.furuta import FurutaSwingUp
from robot_mbrl.tasks.pendulum import PendulumSwingUp
from robot_mbrl.tasks.reach_point import ReachPoint
from robot_mbrl.tasks.reach_pose import ReachPose

BUILT_IN = {
    "furuta_swing_up": FurutaSwingUp,
    "cart_pole_swing_up": PoleOnCartSwingUp,
    "pendulum_swing_up": PendulumSwingUp,
    "reach_point": ReachPoint,
    "reach_pose": ReachPose,
}


def make_task(spec: RobotSpec) -> Task:
    """The task that robot.toml names: built in, or "module:Class". Raises SpecError."""
    layout, name = ObservationLayout.from_spec(spec), spec.task.name
    kind = _find(name)
    settings: dict[str, Any] = dict(spec.task.parameters)
    if spec.task.joints:
        if not hasattr(kind, "ROLES"):
            raise SpecError(f"task.joints: task {name!r} has no parts to give to joints")
        settings["joints"] = spec.task.joints
    try:
        if hasattr(kind, "from_spec"):
            task: Task = kind.from_spec(spec, layout, **settings)
        else:
            task = kind(layout, **settings)
        _try(task, layout)
    except (TypeError, KeyError, SpecError) as error:
        raise SpecError(f"task {name!r}: {error}") from error
    if layout.goal and not hasattr(task, "draw_goals"):
        raise SpecError(f"task.goal: task {name!r} knows no goals; remove the key")
    return task


def _try(task: Task, layout: ObservationLayout) -> None:
    """Look at one observation, so that a joint that is not there is missed now."""
    obs = np.zeros((1, layout.size))
    task.reward(obs, np.zeros((1, layout.action_size)))
    task.terminated(obs)
    task.at_goal(obs)


def _find(name: str) -> Any:
    """The class of a task."""
    try:
        if ":" not in name:
            return BUILT_IN[name]
        module, _, attribute = name.partition(":")
        return getattr(importlib.import_module(module), attribute)
    except (KeyError, ImportError, AttributeError) as error:
        raise SpecError(
            f"task.name: {name!r} is unknown; built in: {', '.join(BUILT_IN)}, or 'module:Class'"
        ) from error


def draw_goals(task: Task, rng: np.random.Generator, size: int) -> FloatArray | None:
    """Goals (size, G) of as many episodes; None for a task that always asks for the same."""
    draw = getattr(task, "draw_goals", None)
    goals: FloatArray | None = None if draw is None else draw(rng, size)
    return goals
