"""Friction that a description says nothing of and a real machine may have: stiction and cogging."""

import dataclasses
import math

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.spec import JointSpec
from robot_mbrl.contract.parameters.effects import effect_of
from robot_mbrl.contract.parameters.variation import Variation
from sim.laws.motor_law import full_torque

STATIC_SHARE = 0.1
"""Static friction beyond Coulomb's, at most, of what the motor has at standstill."""
COGGING_SHARE = 0.05
"""Amplitude of cogging, at most, of the same."""
STRIBECK_RAD_S = (0.05, 1.0)
PERIODS_PER_REV = (1, 24)
STRIBECK_M_S, PERIODS_PER_M = (0.005, 0.1), (5, 500)
"""The same of a slider: teeth of a belt are 2 to 5 mm apart, poles of its motor farther."""


def with_friction_prior(spec: RobotSpec) -> RobotSpec:
    """The robot whose `[randomization]` also varies stiction and cogging of each driven joint,
    where it says nothing of them itself.

    For looking back at a log: which worlds explain it. The ranges are wide, shares of each motor's
    torque; a log narrows them.
    """
    nominal = {path: np.array([value]) for path, value in spec.nominal.items()}
    unmodelled: dict[str, Variation] = {}
    for actuator in spec.actuators:
        torque = float(full_torque(actuator, nominal)[0])
        if math.isfinite(torque):
            unmodelled |= _friction(spec.joints[spec.joint_index(actuator.joint)], torque)
    new = {path: v for path, v in unmodelled.items() if path not in spec.effects}
    neutral = {path: e.neutral for path in new if (e := effect_of(path))}
    return dataclasses.replace(
        spec, effects=spec.effects | neutral, randomization=new | spec.randomization
    )


def _friction(joint: JointSpec, torque_nm: float) -> dict[str, Variation]:
    """Of one joint whose motor has this torque; in N if it slides."""
    slides = joint.kind == "slide"
    fading = STRIBECK_M_S if slides else STRIBECK_RAD_S
    return {
        joint.path("static_friction_nm"): uniform(0.0, STATIC_SHARE * torque_nm),
        joint.path("stribeck_velocity_rad_s"): Variation(*fading, "log-uniform", operation="set"),
        joint.path("cogging_nm"): uniform(0.0, COGGING_SHARE * torque_nm),
        joint.path("cogging_periods_per_rev"): uniform(
            *(PERIODS_PER_M if slides else PERIODS_PER_REV)
        ),
        joint.path("cogging_phase_rad"): uniform(-math.pi, math.pi),
    }


def uniform(low: float, high: float) -> Variation:
    """The range, in the parameter's own unit."""
    return Variation(low, high, operation="set")
