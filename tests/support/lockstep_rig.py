"""A rig for device tests: plants with closed-form motion, realities without surprises."""

from dataclasses import replace
from typing import Any

import numpy as np

from hardware.mcu.device import McuDevice
from hardware.mcu.driver import McuDriver
from hardware.mock.board import Board
from hardware.mock.lockstep import LockstepClock, LockstepPort
from robot_mbrl.contract.arrays import BoolArray, FloatArray
from robot_mbrl.contract.description.reality import Reality, nominal_reality
from robot_mbrl.contract.description.spec import RobotSpec

RAD_PER_S_PER_UNIT = 2.0


FOLLOW_PER_S = 20.0


class IntegratorPlant:
    """Motors turn their joints at RAD_PER_S_PER_UNIT times the command, position servos at
    FOLLOW_PER_S times their error; joints without a powered motor rest. The joints begin at
    `start` rad and 0.1 rad more each.

    Attributes:
        command: what the motors follow, (A,); 0 where there is no power.
    """

    def __init__(self, spec: RobotSpec, start: float = 0.0) -> None:
        self._start = (
            start + 0.1 * np.arange(len(spec.joints)) if start else np.zeros(len(spec.joints))
        )
        self.q = self._start.copy()
        self.command = np.zeros(len(spec.actuators))
        self._powered = np.zeros(len(spec.actuators), dtype=bool)
        self._position = np.array([a.command == "position" for a in spec.actuators])
        self._actuated = list(spec.actuated)

    def reset(self, rng: np.random.Generator) -> None:
        self.q[:] = self._start

    def drive(self, command: FloatArray, powered: BoolArray) -> None:
        self._powered, self.command = powered, np.where(powered, command, 0.0)

    def advance(self, seconds: float) -> None:
        error = self.command - self.q[self._actuated]
        speed = np.where(self._position, FOLLOW_PER_S * error, RAD_PER_S_PER_UNIT * self.command)
        self.q[self._actuated] += np.where(self._powered, speed, 0.0) * seconds

    def positions(self) -> FloatArray:
        return self.q.copy()


def quiet(spec: RobotSpec, parameters: dict[str, float] | None = None, **events: Any) -> Reality:
    """A reality without latency and noise, apart from what the test asks for."""
    silent = {p: 0.0 for p in spec.nominal if p.endswith(("latency_ms", "noise_counts"))}
    nominal = nominal_reality(spec)
    values = nominal.parameters | silent | (parameters or {})
    return replace(nominal, parameters=values, **events)


def make_rig_device(
    spec: RobotSpec, reality: Reality | None = None, seed: int = 0
) -> tuple[McuDevice, IntegratorPlant]:
    """A device around an IntegratorPlant."""
    plant = IntegratorPlant(spec)
    rng = np.random.default_rng(seed)
    return McuDevice(Board(spec, plant, reality or quiet(spec), rng)), plant


def make_rig_robot(
    spec: RobotSpec, reality: Reality | None = None
) -> tuple[McuDriver, LockstepClock, McuDevice, IntegratorPlant]:
    """A robot in lockstep, not yet connected."""
    device, plant = make_rig_device(spec, reality)
    return McuDriver(spec, LockstepPort(device)), LockstepClock(device), device, plant
