"""All that decides what a simulated environment does next, to come back to later.

The robot's own state is plain arrays. What the supervisor knows of the episode is copied whole: it
grows with every check, and a check that is left out here would be another one after a return.
"""

import copy
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import numpy as np

from robot_mbrl.contract.errors import DataError, SettingsError

EnvState = dict[str, Any]
"""Plain values by name, and the supervisor's knowledge; can be copied and pickled."""

COUNTERS = ("_steps", "_running", "_state")
"""Attributes of a RobotEnv that change from tick to tick."""


@runtime_checkable
class Restorable(Protocol):
    """A robot whose state can be taken and put back, as only simulated ones can."""

    def get_state(self) -> dict[str, np.ndarray]:
        """All that decides what it does next; plain arrays."""

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `get_state` gave."""


class Part(Enum):
    """Stands in a state for what belongs to one environment."""

    ROBOT = "robot"
    CLOCK = "clock"
    SPEC = "spec"


def take_state(env: Any) -> EnvState:
    """See `RobotEnv.get_state`."""
    places = {id(thing): part for part, thing in _things(env).items()}
    known = {n: v for n, v in vars(env.safe).items() if id(v) not in places}
    return {
        "robot": _robot(env).get_state(),
        "observer": env._observer.get_state(),
        "time": env._measured.get_state() | env._pacer.get_state(),
        "generator": copy.deepcopy(env.np_random.bit_generator.state),
        "episode": {name: getattr(env, name) for name in COUNTERS},
        "supervisor": copy.deepcopy(known, places),
    }


def restore_state(env: Any, state: EnvState) -> None:
    """See `RobotEnv.set_state`."""
    robot = _robot(env)
    parts = {"robot", "observer", "time", "generator", "episode", "supervisor"}
    if set(state) != parts:
        raise DataError(f"state: expected {', '.join(sorted(parts))}; got {', '.join(state)}")
    things = {id(part): thing for part, thing in _things(env).items()}
    robot.set_state(state["robot"])
    env._observer.set_state(state["observer"])
    env._measured.set_state(state["time"])
    env._pacer.set_state(state["time"])
    env.np_random.bit_generator.state = copy.deepcopy(state["generator"])
    vars(env).update(state["episode"])
    vars(env.safe).update(copy.deepcopy(state["supervisor"], things))


def _robot(env: Any) -> Restorable:
    robot = env._restartable
    if not isinstance(robot, Restorable):
        raise SettingsError(
            f"robot {env.robot_spec.name!r}: the state of a machine can neither be taken nor set; "
            "only a simulated one has get_state and set_state"
        )
    return robot


def _things(env: Any) -> dict[Part, Any]:
    return {Part.ROBOT: env.safe._robot, Part.CLOCK: env.clock, Part.SPEC: env.robot_spec}
