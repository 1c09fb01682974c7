"""Effects: what a robot does beyond the basics; all of them are off where nobody names them.

One vocabulary for `[effects]` of robot.toml, for `[randomization]` and for reality files, in the
paths of `vocabulary.py`: `joints.arm.cogging_nm`. Each number is absolute, in the unit that its
name ends in.
"""

import math
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.slide_words import slide_word


@dataclass(frozen=True)
class Effect:
    """One number: what it is where nobody names it, its allowed range, its unit, whether it is a
    whole one."""

    neutral: float
    low: float
    high: float
    unit: str = ""
    whole: bool = False


JOINT_EFFECTS = {
    # extra friction at standstill; of it exp(-(speed / stribeck_velocity)^2) is left (Stribeck)
    "static_friction_nm": Effect(0.0, 0.0, 100.0, "N m"),
    "stribeck_velocity_rad_s": Effect(0.5, 1e-3, 100.0, "rad/s"),
    # torque -cogging_nm sin(periods q + phase)
    "cogging_nm": Effect(0.0, 0.0, 100.0, "N m"),
    "cogging_periods_per_rev": Effect(1, 1, 10_000, whole=True),
    "cogging_phase_rad": Effect(0.0, -7.0, 7.0, "rad"),
    # a cable or hose: torque -cable_nm_rad (q - cable_rest_rad)
    "cable_nm_rad": Effect(0.0, 0.0, 1e3, "N m/rad"),
    "cable_rest_rad": Effect(0.0, -100.0, 100.0, "rad"),
    # play between joint and encoder, full width, and the true angle at which the encoder shows 0
    "backlash_rad": Effect(0.0, 0.0, 1.0, "rad"),
    "encoder_offset_rad": Effect(0.0, -100.0, 100.0, "rad"),
    # the encoder freezes now and then, each time for so long
    "freezes_per_s": Effect(0.0, 0.0, 100.0, "1/s"),
    "freeze_s": Effect(0.1, 0.0, 100.0, "s"),
    # somebody pushes: impulses up to this size, either way, spread over a control period
    "pushes_per_s": Effect(0.0, 0.0, 100.0, "1/s"),
    "push_nm_s": Effect(0.0, 0.0, 1e3, "N m s"),
}
SLIDE_EFFECTS = {
    # the same of a sliding joint
    "static_friction_n": Effect(0.0, 0.0, 1e3, "N"),
    "stribeck_velocity_m_s": Effect(0.05, 1e-4, 100.0, "m/s"),
    # force -cogging_n sin(2 pi periods_per_m q + phase)
    "cogging_n": Effect(0.0, 0.0, 1e3, "N"),
    "cogging_periods_per_m": Effect(1.0, 1e-3, 1e5, "1/m"),
    "cogging_phase_rad": Effect(0.0, -7.0, 7.0, "rad"),
    "cable_n_m": Effect(0.0, 0.0, 1e5, "N/m"),
    "cable_rest_m": Effect(0.0, -100.0, 100.0, "m"),
    "backlash_m": Effect(0.0, 0.0, 1.0, "m"),
    "encoder_offset_m": Effect(0.0, -100.0, 100.0, "m"),
    "freezes_per_s": Effect(0.0, 0.0, 100.0, "1/s"),
    "freeze_s": Effect(0.1, 0.0, 100.0, "s"),
    "pushes_per_s": Effect(0.0, 0.0, 100.0, "1/s"),
    "push_n_s": Effect(0.0, 0.0, 1e3, "N s"),
}
LINK_EFFECTS = {
    # the same at the centre of mass, in any direction
    "pushes_per_s": Effect(0.0, 0.0, 100.0, "1/s"),
    "push_n_s": Effect(0.0, 0.0, 1e3, "N s"),
    # a point mass, on the line from the joint through the centre of mass; by default (NaN) at twice
    # the distance of that centre: the end of a uniform rod
    "payload_kg": Effect(0.0, 0.0, 1e3, "kg"),
    "payload_at_s": Effect(0.0, 0.0, 1e6, "s"),
    "payload_distance_m": Effect(math.nan, 0.0, 100.0, "m"),
}
ACTUATOR_EFFECTS = {
    # motor heat: so much warmer after a long time at full torque; resistance grows by derating
    "heating_k": Effect(0.0, 0.0, 1000.0, "K"),
    "heating_s": Effect(60.0, 1e-3, 1e5, "s"),
    "derating_per_k": Effect(0.0039, 0.0, 1.0, "1/K"),  # copper
    # each command's latency is uniform within +- jitter_ms; lost ones leave the one before in force
    "jitter_ms": Effect(0.0, 0.0, 100.0, "ms"),
    "lost_share": Effect(0.0, 0.0, 1.0),
}
VOLTAGE_EFFECTS = {
    # in series with the supply: full command gives less voltage the more current flows
    "source_resistance_ohm": Effect(0.0, 0.0, 1e3, "ohm"),
}
SENSOR_EFFECTS = {
    # the age of each sample is uniform within +- jitter_ms; lost ones are bridged as on the robot,
    # repeated ones show once more what the last one showed
    "jitter_ms": Effect(0.0, 0.0, 100.0, "ms"),
    "lost_share": Effect(0.0, 0.0, 1.0),
    "repeated_share": Effect(0.0, 0.0, 1.0),
}
GRAVITY_EFFECTS = {
    # the base stands askew: gravity leans by tilt_rad towards direction_rad (0: x, pi/2: y)
    "tilt_rad": Effect(0.0, 0.0, math.pi, "rad"),
    "direction_rad": Effect(0.0, -7.0, 7.0, "rad"),
}
EFFECTS = {
    "joints": JOINT_EFFECTS | SLIDE_EFFECTS,
    "links": LINK_EFFECTS,
    "actuators": ACTUATOR_EFFECTS | VOLTAGE_EFFECTS,
    "sensors": SENSOR_EFFECTS,
    "gravity": GRAVITY_EFFECTS,
}
NOT_OF_THE_MACHINE = {
    *("pushes_per_s", "push_nm_s", "push_n_s", "payload_kg", "payload_at_s", "payload_distance_m"),
    *("jitter_ms", "lost_share", "repeated_share", "freezes_per_s", "freeze_s"),
}
"""Keys of effects that come from outside or from the link: reality files have entries of their own
for them."""


def effect_of(path: str) -> Effect | None:
    """The effect that a path names, None for any other parameter."""
    return EFFECTS.get(path.split(".")[0], {}).get(path.rsplit(".", 1)[-1])


def effect_value(parameters: dict[str, float], path: str) -> float:
    """An effect's number, the neutral one where `parameters` are silent."""
    effect = effect_of(path)
    if effect is None:
        raise KeyError(f"{path!r} is no effect")
    return parameters.get(path, effect.neutral)


def effect_values(parameters: Parameters, path: str, size: int) -> FloatArray:
    """An effect's number in each of `size` worlds, (size,), the neutral one by default."""
    if path in parameters:
        return parameters[path]
    return np.full(size, effect_value({}, path))


def names_any(parameters: dict[str, float], group: str, keys: tuple[str, ...]) -> bool:
    """Whether any of these effects is named for anything in a group such as "joints", in a
    slider's word or a hinge's."""
    words = {*keys, *map(slide_word, keys)} if group == "joints" else set(keys)
    return any(
        path.split(".")[0] == group and path.rsplit(".", 1)[-1] in words for path in parameters
    )
