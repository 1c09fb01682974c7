"""The joints of robot.toml held against those of its URDF.

Simulators take walls from the URDF, everything else takes limits from robot.toml: where the two
contradict each other, a robot would run into walls that nothing else knows of.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from robot_mbrl.contract.description.spec import JointSpec
from robot_mbrl.contract.urdf.elements import UrdfJoint
from robot_mbrl.contract.urdf.problems import Problems
from robot_mbrl.contract.urdf.tree import Urdf

INFINITE_RAD = 1e9
"""Stands for a limit that robot.toml does not name."""
ROUNDED_RAD = 2e-3
"""Limits that differ by this little were rounded: a tenth of a degree."""
ROUNDED_M = 2e-4
"""The same of a slider."""


def match_urdf(joints: Sequence[JointSpec], urdf: Urdf, source: str) -> tuple[JointSpec, ...]:
    """The joints, those without limits with the URDF's.

    Args:
        joints: of robot.toml.
        urdf: the robot.
        source: robot.toml, for errors.

    Raises SpecError naming every joint that one file has and the other has not, that wraps at an
    end, or that may go further than the URDF lets it, with both values and what to do.
    """
    problems = Problems(Path(source))
    movable = {joint.name: joint for joint in urdf.moving}
    for joint in joints:
        if joint.name not in movable:
            has = ", ".join(movable) or "none"
            what = f"is not a movable joint of {urdf.path}; it has: {has}"
            problems.add("joint", joint.name, what)
    named = {joint.name for joint in joints}
    missing = [name for name in movable if name not in named]
    if missing:
        what = f"{urdf.path} has movable joints without a [[joint]]: {missing}"
        problems.add("", "", what)
    found = [_with_limits(j, movable[j.name], problems) for j in joints if j.name in movable]
    problems.raise_any()
    return tuple(found)


def _with_limits(joint: JointSpec, body: UrdfJoint, problems: Problems) -> JointSpec:
    low, high = body.limit_rad
    if math.isnan(low):
        return joint
    unit = joint.unit
    ends = f"{low:g} to {high:g} {unit} of the URDF's {body.kind} joint"
    if joint.wraps:
        what = (
            f"wraps = true contradicts the limits, {ends}; set wraps = false, or, if it turns for "
            'ever, type="continuous" in the URDF'
        )
        problems.add("joint", joint.name, what)
        return joint
    if joint.position_limit_rad == (-INFINITE_RAD, INFINITE_RAD):
        if not low <= joint.home_rad <= high:
            problems.add(
                "joint", joint.name, f"home_{unit} = {joint.home_rad:g} is not within {ends}"
            )
        return replace(joint, position_limit_rad=(low, high))
    a, b = joint.position_limit_rad
    rounded = ROUNDED_M if body.slides else ROUNDED_RAD
    if a < low - rounded or b > high + rounded:
        what = (
            f"position_limit_{unit} = [{a:g}, {b:g}] goes beyond {ends}, where simulation has "
            "a wall; narrow it, or widen <limit> lower and upper in the URDF"
        )
        problems.add("joint", joint.name, what)
    return joint
