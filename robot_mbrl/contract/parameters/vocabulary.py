"""The one vocabulary for what may differ between two machines of one description: which numbers
there are, and their limits. `[randomization]`, calibrations and reality files share it.

A parameter is a dotted path such as `links.pendulum.mass`. Its number is either a *scale*, which
multiplies the nominal value of robot.toml or the URDF (nominal 1), or absolute, in the unit that
its name ends in (nominal given by the robot).
"""

from robot_mbrl.contract.parameters.effects import effect_of

SCALE_LIMITS = (0.01, 100.0)
LINK_SCALES = ("mass", "length")
JOINT_SCALES = ("damping", "friction")
ACTUATOR_SCALES = ("resistance", "torque_constant", "supply")
DIRECT_SCALES = ("torque_constant", "supply")  # a drive with its own loop hides its resistance
SERVO_SCALES = ("stiffness", "damping", "torque_limit")
SCALES_OF = {"dc_motor": ACTUATOR_SCALES, "direct": DIRECT_SCALES, "servo": SERVO_SCALES}
ABSOLUTE_LIMITS = {
    "latency_ms": (0.0, 100.0),
    "noise_counts": (0.0, 100.0),
    "position_rad": (-100.0, 100.0),
    "velocity_rad_s": (-1000.0, 1000.0),
    "position_m": (-100.0, 100.0),
    "velocity_m_s": (-1000.0, 1000.0),
}


def is_scale(path: str) -> bool:
    """Whether the number of a parameter multiplies what the robot has."""
    return path.rsplit(".", 1)[-1] not in ABSOLUTE_LIMITS and effect_of(path) is None


def parameter_limits(path: str) -> tuple[float, float]:
    """Allowed range of a parameter's number."""
    effect = effect_of(path)
    if effect is not None:
        return effect.low, effect.high
    return ABSOLUTE_LIMITS.get(path.rsplit(".", 1)[-1], SCALE_LIMITS)
