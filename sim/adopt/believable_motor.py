"""Which efforts and speeds of a URDF a motor can have, judged by the robot's weight and size.

Exporters write 1000 where they know nothing, and people copy 100. Rotor inertia, friction, gains
and stops that are derived from such a number make another machine.
"""

import math
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.urdf.tree import Urdf, composite_inertia
from sim.adopt.joint_scale import scale_of

GRAVITY_M_S2 = 9.81
MOST_WEIGHTS = 5.0
"""An effort of more than this many times the robot's weight at the reach of the joint is none. The
Unitree A1 has up to 1.7 (knee: 55 N m), the Vision 60 2.5, arms 1.5 and less."""
LEAST_REACH = 0.25
"""Of the robot's largest reach: wrists are built like the rest."""
MOST_TIP_SPEED_M_S = 30.0
"""Of what a joint moves, at its reach: a hip of the Unitree A1 has 29."""


@dataclass(frozen=True)
class BelievedMotor:
    """What can be believed of a joint.

    Attributes:
        effort_nm, speed_rad_s: of the URDF; NaN where it has none to believe.
        reach_m: how far what the joint moves can be from it; of wrists, what the rest makes likely;
            of a slider 1, as its effort is a force and its speed that of what it moves.
        weight_nm: torque of the robot's whole weight at that reach.
    """

    effort_nm: float
    speed_rad_s: float
    reach_m: float
    weight_nm: float


def believe_motors(urdf: Urdf) -> dict[str, BelievedMotor]:
    """What can be believed of each joint that moves, by name.

    A number that is none for one joint is none for the others that have the same: it was copied.
    """
    weight = GRAVITY_M_S2 * sum(link.mass_kg for link in urdf.links.values())
    reach = {joint.name: _reach_m(urdf, joint.child) for joint in urdf.moving}
    least = max(LEAST_REACH * max(reach.values(), default=0.0), 1e-6)
    reach = {j.name: 1.0 if j.slides else max(reach[j.name], least) for j in urdf.moving}
    efforts, speeds = set(), set()
    for j in urdf.moving:
        fastest = min(scale_of(j).fastest, MOST_TIP_SPEED_M_S / reach[j.name])
        if not 0 < j.velocity_rad_s <= fastest:
            speeds.add(j.velocity_rad_s)
        if not 0 < j.effort_nm <= MOST_WEIGHTS * weight * reach[j.name]:
            efforts.add(j.effort_nm)
    # 100 N m at 100 rad/s, say: neither was measured
    efforts |= {j.effort_nm for j in urdf.moving if j.effort_nm == j.velocity_rad_s in speeds}
    return {
        j.name: BelievedMotor(
            effort_nm=math.nan if j.effort_nm in efforts else j.effort_nm,
            speed_rad_s=math.nan if j.velocity_rad_s in speeds else j.velocity_rad_s,
            reach_m=reach[j.name],
            weight_nm=weight * reach[j.name],
        )
        for j in urdf.moving
    }


def _reach_m(urdf: Urdf, link: str) -> float:
    """How far what is fixed to a link, or moved by it, can be from its origin.

    A body reaches twice as far as its centre of mass.
    """
    ends = [2 * float(np.linalg.norm(composite_inertia(urdf, link)[1]))]
    for part, place, turn in urdf.rigid_group(link):
        for joint in urdf.joints:
            if joint.moves and joint.parent == part.name:
                start = float(np.linalg.norm(place + turn @ joint.origin_m))
                way = max(map(abs, joint.limit_rad)) if joint.slides else 0.0
                ends.append(start + way + _reach_m(urdf, joint.child))
    return max(ends)
