"""How large the numbers of a joint are that nobody states: in rad of a hinge, in m of a slider."""

from dataclasses import dataclass

from robot_mbrl.contract.urdf.elements import UrdfJoint


@dataclass(frozen=True)
class JointScale:
    """First numbers of one kind of joint, in its own unit; efforts are in N m, or in N.

    Attributes:
        unit: "rad" or "m", as in the keys of robot.toml.
        effort: unit of efforts, for people.
        speed: no-load speed where the file has none.
        fastest: a no-load speed above it is a placeholder.
        acceleration: what a motor of unknown effort shall do beside holding its load.
        command_speed: a position command is no faster.
        full_at: position error at which a servo pushes with all it has.
        step: from home to the pose that the task asks for, at most.
        margin: of the soft limits, where there is room.
        start: half of the range of starts about home.
        free_speed: least velocity limit of a joint without a motor.
        tolerance, slow: how near home is home, and how slow is rest.
    """

    unit: str
    effort: str
    speed: float
    fastest: float
    acceleration: float
    command_speed: float
    full_at: float
    step: float
    margin: float
    start: float
    free_speed: float
    tolerance: float
    slow: float


# a hobby servo (XL430: 57 rpm, 6 rad/s)
HINGE = JointScale("rad", "N m", 6.0, 500.0, 20.0, 2.0, 0.2, 0.8, 0.1, 0.2, 30.0, 0.25, 0.3)
# a belt or a spindle of a desktop machine: 0.3 m/s
SLIDE = JointScale("m", "N", 0.3, 10.0, 5.0, 0.25, 0.02, 0.1, 0.01, 0.02, 3.0, 0.025, 0.05)


def scale_of(joint: UrdfJoint) -> JointScale:
    """The scale of a joint's kind."""
    return SLIDE if joint.slides else HINGE
