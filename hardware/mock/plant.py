"""What the mock device drives and measures, and where the default one is found."""

from collections.abc import Callable
from importlib import metadata
from typing import Protocol

import numpy as np

from robot_mbrl.contract.arrays import BoolArray, FloatArray
from robot_mbrl.contract.description.reality import Reality
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import SpecError, how_to_install

ENTRY_POINTS = "robot_mbrl.plants"


class Plant(Protocol):
    """A machine without electronics: torque in, motion out, in the robot's own joint angles."""

    def reset(self, rng: np.random.Generator) -> None:
        """Go back to power-up: time 0, the initial state of the reality, no drive."""

    def drive(self, command: FloatArray, powered: BoolArray) -> None:
        """Hold `command` (A,), physical units, from now on.

        `powered` (A,): motors with torque; of the others the command means nothing: a servo, a
        current and a torque drive give no torque, a motor by voltage is short-circuited.
        """

    def advance(self, seconds: float) -> None:
        """Let time pass."""

    def positions(self) -> FloatArray:
        """True joint positions (J,) in rad, unwrapped; in m of sliders."""


PlantFactory = Callable[[RobotSpec, Reality, np.random.Generator], Plant]


def installed_plant() -> PlantFactory:
    """The plant factory of entry point group "robot_mbrl.plants"; raises SpecError without one."""
    found = list(metadata.entry_points(group=ENTRY_POINTS))
    if not found:
        raise SpecError(
            f"the mock needs a plant, but no package offers one (entry points {ENTRY_POINTS!r}); "
            + how_to_install("train")
        )
    try:
        factory: PlantFactory = found[0].load()
    except ImportError as error:
        raise SpecError(
            f"the mock's plant {found[0].value!r} cannot be loaded ({error}); "
            + how_to_install("train")
        ) from error
    return factory
