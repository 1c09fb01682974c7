"""The limits of one sample and one command: what is out of bounds, and what may be sent."""

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.interface import Fault, describe_faults
from robot_mbrl.contract.stop_reason import StopReason, Violation


def check_sample(
    spec: RobotSpec, state: RobotState, tolerated: npt.NDArray[np.bool_] | None = None
) -> Violation | None:
    """What is wrong with a sample by itself: finite first, then device, temperature, position.

    `tolerated` (J,) of bool: joints whose position limit is not checked.
    """
    values = np.concatenate(
        [state.q_rad, state.applied, [state.device_time_s, state.host_time_s]], dtype=np.float64
    )
    if not np.isfinite(values).all():
        return StopReason.NON_FINITE, (
            f"the robot's sample is not finite: q_rad {state.q_rad}, applied {state.applied}, "
            f"device time {state.device_time_s} s"
        )
    faults = state.faults & ~Fault.COMMAND_CLAMPED  # the echo says that as well
    if faults:
        reason = StopReason.WATCHDOG if faults & Fault.WATCHDOG else StopReason.DEVICE_FAULT
        return reason, f"the device reports: {describe_faults(faults)}"
    for actuator, celsius in zip(spec.actuators, state.temperature_c, strict=True):
        # NaN: no sensor
        if celsius > spec.safety.max_temperature_c:
            return StopReason.TEMPERATURE, (
                f"motor {actuator.name!r} is at {celsius:.0f} degrees C, limit "
                f"{spec.safety.max_temperature_c:g}"
            )
    for j, (joint, q) in enumerate(zip(spec.joints, state.q_rad, strict=True)):
        low, high = joint.position_limit_rad
        if not low <= q <= high and (tolerated is None or not tolerated[j]):
            return StopReason.LIMIT_POSITION, (
                f"joint {joint.name!r} is at {q:.3f} {joint.unit}, limits {low:g} to {high:g}"
            )
    return None


def check_velocity(spec: RobotSpec, before: RobotState, now: RobotState) -> Violation | None:
    """What is wrong with two samples of different device time: a joint moved too fast."""
    elapsed = now.device_time_s - before.device_time_s
    if elapsed <= 0:
        return None
    for joint, step in zip(spec.joints, now.q_rad - before.q_rad, strict=True):
        if abs(step) / elapsed > joint.velocity_limit_rad_s:
            return StopReason.LIMIT_VELOCITY, (
                f"joint {joint.name!r} moved {step:.3f} {joint.unit} in {1e3 * elapsed:.1f} ms, "
                f"{abs(step) / elapsed:.1f} {joint.unit}/s, limit {joint.velocity_limit_rad_s:g}"
            )
    return None


def cut_outward(spec: RobotSpec, q: FloatArray, action: FloatArray) -> FloatArray:
    """The action (A,) with zero where it pushes a joint out of its soft limit, q (J,).

    A position command is clamped into the soft limits instead, in units of its limit.
    """
    kept = action.copy()
    for a, (actuator, j) in enumerate(zip(spec.actuators, spec.actuated, strict=True)):
        low, high = spec.soft_limits[j]
        if actuator.command == "position":
            kept[a] = np.clip(action[a], low / actuator.limit, high / actuator.limit)
        elif (q[j] > high and action[a] > 0) or (q[j] < low and action[a] < 0):
            kept[a] = 0.0
    return kept
