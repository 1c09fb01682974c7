"""Bringing a robot to its start: a weak PD on the actuated joints until everything rests."""

import math
from collections import deque

import numpy as np

from robot_mbrl.contract import Clock, ObservationLayout, Observer, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SafetyError
from robot_mbrl.onboard.realtime import no_garbage_collection
from robot_mbrl.onboard.supervisor.latched_robot import SafetyState
from robot_mbrl.onboard.supervisor.safe_robot import SafeRobot
from robot_mbrl.onboard.timing.measured_observer import MeasuredObserver
from robot_mbrl.onboard.timing.pacing import Pacer

REST_S = 0.5
"""A pendulum at its turning point is slow for a moment; rest lasts. Speed is measured by the travel
in this time, as a tick's difference of a noisy encoder jitters by tenths of rad/s at rest."""
SETTLE_S = 0.5
"""Near home the set point moves at the error of the joint in this time: it ends beyond home by as
much as weight and friction need."""
LEAD_S = 0.8
"""It is never further ahead of its joint than it moves in this time: what holds a joint feels no
more than this share of its spring."""


def go_home(safe: SafeRobot, clock: Clock, spec: RobotSpec) -> float:
    """Move the joints to `home_rad` (modulo 2 pi where they wrap) and wait until all rest.

    Arms the robot if need be, even where a joint rests beyond its limit, and leaves it disarmed.
    The supervisor's checks apply, deadlines included.

    Returns:
        Seconds it took.

    Raises:
        SafetyError: not at rest within `[home] timeout_s`, naming the joints that still move; or
            the error of a stop.
    """
    with no_garbage_collection():
        if safe.state is SafetyState.DISARMED:
            safe.arm(homing=True)
        start_s = clock.now()
        moving = _go_home(safe, clock, spec)
        safe.disarm()
    if not moving:
        return clock.now() - start_s
    raise SafetyError(
        f"robot {spec.name!r} did not come to rest at home within {spec.home.timeout_s:g} s: "
        + "; ".join(moving)
        + ". Help it by hand, check the offsets, or raise [home] timeout_s or its gains"
    )


def _go_home(safe: SafeRobot, clock: Clock, spec: RobotSpec) -> list[str]:
    """Drive until all joints rest at home, or the time is over: then what is wrong, in words."""
    dt = spec.control.dt
    seen: deque[FloatArray] = deque(maxlen=max(2, round(REST_S / dt)))
    measured = MeasuredObserver(Observer(ObservationLayout.from_spec(spec)))
    observer, pacer, set_point = measured.observer, Pacer(clock, dt), HomeSetPoint(spec)
    end_s = clock.now() + spec.home.timeout_s
    observation = measured.reset(safe.read())
    while True:
        q = from_home(observer.q, spec)
        seen.append(q)
        moving = not_at_rest(q, np.ptp(np.stack(seen), axis=0) / REST_S, spec)
        if len(seen) == seen.maxlen and not moving:
            return []
        velocity = observer.layout.velocities(observation)
        applied = safe.send(home_action(set_point.errors(q), velocity, spec))
        period = pacer.wait()
        if clock.now() > end_s:
            return moving or ["it rested too short"]
        state = safe.read()
        safe.check_timing(period)
        observation = measured.update(state, applied, (1 + period.skipped) * dt)


class HomeSetPoint:
    """A set point that takes joints home at the speeds of [home]; without them, home itself."""

    def __init__(self, spec: RobotSpec) -> None:
        self._speed = np.array([spec.home.speed(joint) for joint in spec.joints])
        self._dt = spec.control.dt
        self._wraps = np.array([j.wraps for j in spec.joints])
        self._at: FloatArray | None = None

    def errors(self, q: FloatArray) -> FloatArray:
        """How far the joints are from the set point, which this moves by a tick, (J,).

        q: how far they are from home, (J,).
        """
        at = q if self._at is None else self._at
        step, lead = self._speed * self._dt, self._speed * LEAD_S
        at = at - np.clip(q * self._dt / SETTLE_S, -step, step)
        error = q - at
        error = np.where(self._wraps, (error + math.pi) % (2 * math.pi) - math.pi, error)
        error = np.clip(error, -lead, lead)
        self._at = q - error
        return np.where(np.isinf(self._speed), q, error)


def from_home(q: FloatArray, spec: RobotSpec) -> FloatArray:
    """How far positions (J,) are from home, wrapping joints in [-pi, pi)."""
    wraps = np.array([j.wraps for j in spec.joints])
    q = q - np.array([j.home_rad for j in spec.joints])
    return np.where(wraps, (q + math.pi) % (2 * math.pi) - math.pi, q)


def not_at_rest(q: FloatArray, velocity: FloatArray, spec: RobotSpec) -> list[str]:
    """The joints that are away from home or moving, in words; q from home and velocity (J,)."""
    words = []
    for j, joint in enumerate(spec.joints):
        near, slow = spec.home.tolerances(joint)
        if abs(q[j]) > near or abs(velocity[j]) > slow:
            at, unit = q[j] + joint.home_rad, joint.unit
            words.append(f"joint {joint.name!r} at {at:.3f} {unit}, {velocity[j]:.2f} {unit}/s")
    return words


def home_action(q: FloatArray, velocity: FloatArray, spec: RobotSpec) -> FloatArray:
    """PD command (A,) towards home, as an action in [-1, 1]; a position command is home itself.

    q: how far the joints are from home, or from the set point on the way there, (J,).
    """
    action = np.zeros(len(spec.actuators))
    for a, (actuator, j) in enumerate(zip(spec.actuators, spec.actuated, strict=True)):
        if actuator.command == "position":
            action[a] = np.clip(spec.joints[j].home_rad / actuator.limit, -1.0, 1.0)
        else:
            stiffness, damping = spec.home.gains(spec.joints[j])
            pull = -stiffness * q[j] - damping * velocity[j]
            action[a] = np.clip(pull / actuator.limit, -1.0, 1.0)
    return action
