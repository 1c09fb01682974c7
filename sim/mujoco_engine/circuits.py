"""Servos without power in MuJoCo's worlds: their circuits are open."""

import numpy as np
from mujoco.batch import Batch

from robot_mbrl.contract import RobotSpec
from sim.laws.electronics import Power
from sim.laws.motor_heat import MotorHeat
from sim.mujoco_engine.motor_fields import MOTOR_FIELDS, MotorFields


class Circuits:
    """Opens and closes the circuits of servos. No field is touched before one is opened.

    Motors that warm up have their circuits written in each step, see `MotorHeatPart`.

    Args:
        spec: the robot.
        batch: the worlds.
    """

    def __init__(self, spec: RobotSpec, batch: Batch) -> None:
        self._spec, self._batch = spec, batch
        self._written_anyway = MotorHeat.needed(spec.nominal)
        self._motors: MotorFields | None = None

    def switch(self, power: Power) -> None:
        """Do what `power` says."""
        if self._written_anyway or (self._motors is None and power.full):
            return
        if self._motors is None:
            fields = {name: self._batch.expand(name) for name in MOTOR_FIELDS}
            self._motors = MotorFields(self._spec, self._batch.model, fields)
        self._motors.write(power.circuit())

    def rewritten(self, ids: np.ndarray, power: Power) -> None:
        """The fields of worlds `ids` (n,) were written anew, as if all were on."""
        if self._motors is not None:
            self._motors.remember(ids)
            self._motors.write(power.circuit())
