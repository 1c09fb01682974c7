"""The text of a robot.toml for a URDF, with a comment at each number that has to be measured."""

import json
import math
import re
from collections.abc import Sequence

from sim.adopt.first_guess import FULL_AT_RAD, JointGuess

HEADER = """\
# Written by `robot-mbrl new-robot` from {source}.
# It pretrains as it is: robot-mbrl pretrain --robot {folder} --out runs/{name}
#
# MEASURE marks what no URDF knows. Until it is measured, simulation only resembles the robot; what
# stands under [randomization] covers the difference as well as a guess can.
#
# The root link {root!r} is fixed to the world, and nothing collides.{notes}

[robot]
name = {name_text}
urdf = {urdf}
description = {description}

[control]
rate_hz = 50               # MEASURE: what the bus carries, reading and writing in each tick
physics_rate_hz = 500
action_history = 3         # past commands in the observation: latency / period, rounded up, + 1
observation_history = 2    # earlier measurements: what makes friction and load inferable
"""

JOINT = """
[[joint]]
name = {name}
wraps = {wraps}
encoder_counts_per_rev = 4096   # MEASURE: data sheet of the encoder, after the gear
{limit}velocity_limit_rad_s = {velocity}    # beyond it the supervisor stops{home}
velocity_filter_hz = 20
"""

POSITION = """
[[actuator]]
name = {name}
joint = {name}
command = "position"
limit_rad = {limit}    # what action 1 asks for; cut to the joint's soft limits
latency_ms = 10    # MEASURE: time from a step of the command to the first motion

[actuator.servo]
# torque = clip(stiffness (command - q) - damping qd, +-limit), less limit qd / no-load speed
torque_limit_nm = {effort}    # {effort_comment}
no_load_speed_rad_s = {speed}    # {speed_comment}
stiffness_nm_rad = {stiffness}    # MEASURE: hang a known weight on, divide its torque by the sag
damping_nm_s_rad = {damping}    # MEASURE: overshoot of a step; a guess, damping ratio 0.7
rotor_inertia_kg_m2 = {rotor}    # MEASURE: at the joint, rotor times gear squared
"""

TORQUE = """
[[actuator]]
name = {name}
joint = {name}
command = "torque"
limit_Nm = {effort}    # {effort_comment}
latency_ms = 5    # MEASURE: time from a step of the command to the first motion

[actuator.direct]
rotor_inertia_kg_m2 = {rotor}    # MEASURE: at the joint, rotor times gear squared
"""

REST = """
[sensor]
latency_ms = 2               # MEASURE: age of a reading when it arrives
noise_counts = 0.3           # MEASURE: standard deviation of a reading at rest

[link]                       # MEASURE: how the real robot is wired; simulation does not use it
protocol = "mcu"
baudrate = 921600
reply_timeout_ms = 4

[safety]
soft_limit_margin_rad = {margin}
coast_ticks = 3
hold_ticks = 0
ramp_s = 0.1
watchdog_ms = 80
deadline_ms = 5
deadline_misses = 2
max_temperature_c = 70       # MEASURE: data sheet of the motors
false_stops_per_hour = 0.5

[home]
# {home_comment}
position_gain = {position_gain}
velocity_gain = {velocity_gain}
position_tolerance_rad = 0.25   # weight makes a servo sag by up to {sag} rad
velocity_tolerance_rad_s = 0.3
timeout_s = 60

[task]
name = "reach_pose"          # reward and success: robot_mbrl/tasks/reach_pose.py

[task.parameters]
tolerance_rad = 0.1          # success: every joint this near for the last hold_s seconds
hold_s = 2

[task.parameters.target_rad] # any pose within the limits; this one the motors can hold
{targets}
"""

RANDOM = """
# Masses by CAD are within some 20 %; friction is never known; both are per link and joint.
{parts}
[randomization.sensors]
latency_ms = {{ range = [0, 10] }}
noise_counts = {{ range = [0, 1] }}
{initial}"""

WHY = {
    "position": (
        "\n#\n# Motors take positions, as most arms and hobby servos do: a servo carries the"
        "\n# weight, so that training starts from a robot that stands. `new-robot --command torque`"
        "\n# is for drives that take torques; many joints then need longer training."
    ),
    "torque": (
        "\n#\n# Motors take torques, up to the effort in the URDF: nothing holds the weight but the"
        "\n# controller. `new-robot --command position` is for servos."
    ),
}


def robot_toml(
    guesses: Sequence[JointGuess],
    *,
    name: str,
    folder: str,
    source: str,
    urdf: str,
    root: str,
    margin_rad: float,
    command: str,
    notes: Sequence[str],
) -> str:
    """The whole file.

    Args:
        guesses: one per joint.
        name, folder, source, urdf, root: of the robot, its folder, where the URDF came from, its
            copy's name, its root link.
        margin_rad: soft limit margin.
        command: "position" or "torque".
        notes: what was changed in the URDF.
    """
    changed = "\n#\n# Changed in the copy of the URDF:" if notes else ""
    changed += "".join(f"\n#   {note}" for note in notes)
    head = HEADER.format(
        source=source,
        folder=folder,
        name=name,
        root=root,
        name_text=quote(name),
        urdf=quote(urdf),
        description=quote(f"{name}, {len(guesses)} joints, {command} command"),
        notes=WHY[command]
        + (f"\n#\n# Changed in the copy of the URDF:{changed}" if changed else ""),
    )
    parts = [head, *map(_joint, guesses)]
    parts += [_actuator(g, command) for g in guesses]
    return "".join([*parts, _rest(guesses, margin_rad, command), _randomization(guesses, command)])


def _joint(g: JointGuess) -> str:
    limit = "" if g.wraps else f"position_limit_rad = [{number(g.low_rad)}, {number(g.high_rad)}]\n"
    home = (
        f"\nhome_rad = {number(g.home_rad)}             # 0 is out of reach" if g.home_rad else ""
    )
    return JOINT.format(
        name=quote(g.joint.name),
        wraps="true" if g.wraps else "false",
        limit=limit,
        velocity=number(1.5 * g.speed_rad_s),
        home=home,
    )


def _actuator(g: JointGuess, command: str) -> str:
    load = f"its weight asks for up to {float(f'{g.load_nm:.3f}'):g} N m"
    effort = (
        f"from the URDF; {load}"
        if g.effort_known
        else f"MEASURE: stall torque by data sheet; a guess, {load}"
    )
    if g.effort_nm < g.load_nm:
        effort += ": too weak for some poses"
    reach = math.pi if g.wraps else max(abs(g.low_rad), abs(g.high_rad))
    return (POSITION if command == "position" else TORQUE).format(
        name=quote(g.joint.name),
        limit=number(reach),
        effort=number(g.effort_nm),
        effort_comment=effort,
        speed=number(g.speed_rad_s),
        speed_comment="velocity in the URDF" if g.speed_known else "MEASURE: data sheet; a guess",
        stiffness=f"{g.stiffness_nm_rad:.4g}",
        damping=f"{g.damping_nm_s_rad:.3g}",
        rotor=f"{g.rotor_kg_m2:.3g}",
    )


def _rest(guesses: Sequence[JointGuess], margin_rad: float, command: str) -> str:
    weakest = min(g.effort_nm for g in guesses)
    position = command == "position"
    return REST.format(
        margin=number(margin_rad),
        home_comment="Position commands go home by themselves; these gains are not used."
        if position
        else "A weak spring and a damper on every motor, N m / rad and N m s / rad.",
        position_gain=number(0.5 * weakest),
        velocity_gain=number(0.05 * weakest),
        sag=f"{FULL_AT_RAD:g}",
        targets="\n".join(f"{quote_key(g.joint.name)} = {number(g.target_rad)}" for g in guesses),
    )


def _randomization(guesses: Sequence[JointGuess], command: str) -> str:
    parts, initial = [], []
    for g in guesses:
        joint, link = quote_key(g.joint.name), quote_key(g.joint.child)
        parts.append(f"[randomization.links.{link}]\nmass = {{ scale = [0.8, 1.2] }}\n")
        rubs = [("damping", g.joint.damping_nm_s_rad), ("friction", g.joint.friction_nm)]
        scaled = [f"{key} = {{ log_scale = [0.33, 3] }}\n" for key, value in rubs if value > 0]
        if scaled:
            parts.append(f"[randomization.joints.{joint}]\n{''.join(scaled)}")
        motor = (
            "stiffness = { scale = [0.8, 1.2] }\ndamping = { scale = [0.7, 1.3] }\n"
            "torque_limit = { scale = [0.8, 1.1] }\n"
            if command == "position"
            else "torque_constant = { scale = [0.85, 1.15] }\n"
        )
        parts.append(
            f"[randomization.actuators.{joint}]\n{motor}latency_ms = {{ range = [0, 20] }}\n"
        )
        low, high = max(g.home_rad - 0.2, g.low_rad), min(g.home_rad + 0.2, g.high_rad)
        tenth = 0.1 * (high - low)
        initial.append(
            f"\n[randomization.initial.{joint}]\nposition_rad = {{ range = "
            f"[{number(low + tenth)}, {number(high - tenth)}] }}\n"
        )
    return RANDOM.format(parts="\n".join(parts), initial="".join(initial))


def quote(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False)


def quote_key(text: str) -> str:
    """A TOML key, quoted where it must be."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else quote(text)


def number(value: float) -> str:
    """Six digits, and no rounding error for a zero."""
    return f"{value if abs(value) > 1e-9 else 0.0:.6g}"
