"""The text of a robot.toml for a URDF, with a comment at each number that has to be measured."""

import json
import math
import re
from collections.abc import Mapping, Sequence

from sim.adopt.first_guess import JointGuess
from sim.adopt.joint_scale import HINGE, SLIDE, JointScale
from sim.adopt.slide_templates import SLIDE_FORCE, SLIDE_JOINT, SLIDE_POSITION
from sim.adopt.toml_templates import (
    HEADER,
    HOME_POSITION,
    HOME_TORQUE,
    JOINT,
    POSITION,
    RANDOM,
    REST,
    TORQUE,
    WHY,
)

ACTUATOR = {
    ("rad", "position"): POSITION,
    ("rad", "torque"): TORQUE,
    ("m", "position"): SLIDE_POSITION,
    ("m", "torque"): SLIDE_FORCE,
}

RAMP_S = {
    "position": "0.5                 # a gentle start; then the command's own speed holds",
    "torque": "0.1                 # no longer: without torque the robot falls",
}


def robot_toml(
    guesses: Sequence[JointGuess],
    *,
    limits: Mapping[str, str],
    name: str,
    folder: str,
    source: str,
    urdf: str,
    root: str,
    margins: Mapping[str, float],
    command: str,
    notes: Sequence[str],
) -> str:
    """The whole text of a robot.toml.

    Args:
        guesses: one per joint.
        limits: what position limits of the URDF were taken for, by joint, in words.
        name, folder, source, urdf, root: of the robot, its folder, where the URDF came from, its
            copy's name, its root link.
        margins: soft limit margin by unit, "rad" and "m".
        command: "position" or "torque" (of sliders force).
        notes: what was changed in the URDF.
    """
    changed = "\n#\n# Changed in the copy of the URDF, or not believed:" if notes else ""
    changed += "".join(f"\n#   {note}" for note in notes)
    head = HEADER.format(
        source=source,
        folder=folder,
        name=name,
        root=root,
        name_text=quote(name),
        urdf=quote(urdf),
        description=quote(f"{name}, {len(guesses)} joints, {command} command"),
        notes=WHY[command] + changed,
    )
    parts = [head, *(_joint(g, limits.get(g.joint.name, "")) for g in guesses)]
    parts += [_actuator(g, command) for g in guesses if not g.passive]
    return "".join([*parts, _rest(guesses, margins, command), _randomization(guesses, command)])


def _joint(g: JointGuess, taken: str) -> str:
    doubt = f"    # MEASURE: the URDF's {taken}" if taken else ""
    unit = g.scale.unit
    limit = f"position_limit_{unit} = [{number(g.low_rad)}, {number(g.high_rad)}]{doubt}\n"
    why = "where it comes to rest" if g.passive else "0 is out of reach"
    home = f"\nhome_{unit} = {number(g.home_rad)}             # {why}" if g.home_rad else ""
    guess = "" if g.speed_known else "MEASURE: 1.5 times a guess; "
    return (SLIDE_JOINT if g.joint.slides else JOINT).format(
        name=quote(g.joint.name),
        wraps=f"true{doubt}" if g.wraps else "false",
        limit="" if g.wraps else limit,
        velocity=number(g.velocity_limit_rad_s),
        velocity_comment="no motor: above what falling gives; " if g.passive else guess,
        home=home,
    )


def placeholder_notes(guesses: Sequence[JointGuess]) -> list[str]:
    """Efforts and speeds of the URDF that no motor has, in words, each once."""
    said: dict[str, list[str]] = {}
    for g in guesses:
        if g.passive:
            continue
        for what, known in ((_effort_said(g), g.effort_known), (_speed_said(g), g.speed_known)):
            if what and not known:
                said.setdefault(what, []).append(g.joint.name)
    return [
        f"joint {', '.join(names)}: {what} taken for a placeholder, by the robot's weight and "
        "size; robot.toml has guesses, marked MEASURE"
        for what, names in said.items()
    ]


def _effort_said(g: JointGuess) -> str:
    return f"effort {g.joint.effort_nm:g} {g.scale.effort}" if g.joint.effort_nm > 0 else ""


def _speed_said(g: JointGuess) -> str:
    said = f"velocity {g.joint.velocity_rad_s:g} {g.scale.unit}/s"
    return said if g.joint.velocity_rad_s > 0 else ""


def _guessed(said: str) -> str:
    """How a comment goes on where a number is a guess."""
    return f"a guess; the URDF's {said} is a placeholder" if said else "a guess"


def _actuator(g: JointGuess, command: str) -> str:
    load = f"its weight asks for up to {float(f'{g.load_nm:.3f}'):g} {g.scale.effort}"
    effort = (
        f"from the URDF; {load}"
        if g.effort_known
        else f"MEASURE: stall torque by data sheet; {_guessed(_effort_said(g))}; {load}"
    )
    if g.effort_nm < g.load_nm:
        effort += ": too weak for some poses"
    reach = math.pi if g.wraps else max(abs(g.low_rad), abs(g.high_rad))
    return ACTUATOR[g.scale.unit, command].format(
        name=quote(g.joint.name),
        limit=number(reach),
        effort=number(g.effort_nm),
        effort_comment=effort,
        speed=number(g.speed_rad_s),
        speed_comment="velocity in the URDF"
        if g.speed_known
        else f"MEASURE: data sheet; {_guessed(_speed_said(g))}",
        command_speed=number(g.command_speed_rad_s),
        stiffness=f"{g.stiffness_nm_rad:.4g}",
        damping=f"{g.damping_nm_s_rad:.3g}",
        rotor=f"{g.rotor_kg_m2:.3g}",
    )


def _rest(guesses: Sequence[JointGuess], margins: Mapping[str, float], command: str) -> str:
    kinds = [scale for scale in (HINGE, SLIDE) if any(g.scale is scale for g in guesses)]
    driven = [g for g in guesses if not g.passive]
    aims = [s for s in kinds if any(g.scale is s for g in driven)]
    return REST.format(
        margins="\n".join(f"soft_limit_margin_{s.unit} = {number(margins[s.unit])}" for s in kinds),
        ramp=RAMP_S[command],
        near="\n".join(map(_near, kinds)),
        home=HOME_POSITION + "".join(_home(s, "") for s in kinds)
        if command == "position"
        else HOME_TORQUE + "".join(_home(s, SET_POINT[s.unit]) for s in kinds) + _gains(driven),
        tolerances="\n".join(TOLERANCE[s.unit] for s in aims),
        targets="\n\n".join(_targets(s, [g for g in driven if g.scale is s]) for s in aims),
    )


TOLERANCE = {
    "rad": "tolerance_rad = 0.1          # success: every joint this near for the last hold_s",
    "m": "tolerance_m = 0.01           # and every slider this near",
}
SET_POINT = {"rad": "speed_rad_s = 1.0", "m": "speed_m_s = 0.1"}


def _near(scale: JointScale) -> str:
    """What joints of one kind need to be at home."""
    unit = scale.unit
    sag = f"   # weight makes a servo sag by up to {scale.full_at:g} {unit}"
    return (
        f"position_tolerance_{unit} = {scale.tolerance:g}{sag}\n"
        f"velocity_tolerance_{unit}_s = {scale.slow:g}"
    )


def _home(scale: JointScale, set_point: str) -> str:
    """How joints of one kind go home, where they have no gains of their own."""
    slide = "slide_" if scale is SLIDE else ""
    by = f"   # of joints that have none below, {scale.effort} / {scale.unit}" if set_point else ""
    speed = f"{set_point}               # of the set point\n" if set_point else ""
    return f"{speed}{slide}position_gain = 0{by}\n{slide}velocity_gain = 0\n"


def _gains(driven: Sequence[JointGuess]) -> str:
    return "".join(
        f"\n[home.joints.{quote_key(g.joint.name)}]\nposition_gain = {g.home_nm_rad:.3g}\n"
        f"velocity_gain = {g.home_nm_s_rad:.3g}\n"
        for g in driven
    )


def _targets(scale: JointScale, driven: Sequence[JointGuess]) -> str:
    """The poses that the task asks for, of the joints of one kind that have a motor."""
    lines = [f"{quote_key(g.joint.name)} = {number(g.target_rad)}" for g in driven]
    head = f"[task.parameters.target_{scale.unit}]"
    hint = " # any pose within the limits; this one the motors can hold"
    return "\n".join([head + hint, *lines])


def _randomization(guesses: Sequence[JointGuess], command: str) -> str:
    parts, initial = [], []
    for g in guesses:
        joint, link = quote_key(g.joint.name), quote_key(g.joint.child)
        parts.append(f"[randomization.links.{link}]\nmass = {{ scale = [0.8, 1.2] }}\n")
        rubs = [("damping", g.joint.damping_nm_s_rad), ("friction", g.friction_nm)]
        scaled = [f"{key} = {{ log_scale = [0.33, 3] }}\n" for key, value in rubs if value > 0]
        if scaled:
            parts.append(f"[randomization.joints.{joint}]\n{''.join(scaled)}")
        motor = (
            "stiffness = { scale = [0.8, 1.2] }\ndamping = { scale = [0.7, 1.3] }\n"
            "torque_limit = { scale = [0.8, 1.1] }\n"
            if command == "position"
            else "torque_constant = { scale = [0.85, 1.15] }\n"
        )
        if not g.passive:
            parts.append(
                f"[randomization.actuators.{joint}]\n{motor}latency_ms = {{ range = [0, 20] }}\n"
            )
        start = g.scale.start
        low, high = max(g.home_rad - start, g.low_rad), min(g.home_rad + start, g.high_rad)
        tenth = 0.1 * (high - low)
        initial.append(
            f"\n[randomization.initial.{joint}]\nposition_{g.scale.unit} = {{ range = "
            f"[{number(low + tenth)}, {number(high - tenth)}] }}\n"
        )
    return RANDOM.format(parts="\n".join(parts), initial="".join(initial))


def quote(text: str) -> str:
    """`text` as a TOML string."""
    return json.dumps(text, ensure_ascii=False)


def quote_key(text: str) -> str:
    """`text` as a TOML key, quoted where it must be."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else quote(text)


def number(value: float) -> str:
    """A number in six digits, without the rounding error of a zero."""
    return f"{value if abs(value) > 1e-9 else 0.0:.6g}"
