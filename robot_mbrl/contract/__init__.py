"""The contract between all rooms: robot description, observation layout, interface, errors."""

from robot_mbrl.contract.description.spec import RobotSpec, load_robot
from robot_mbrl.contract.interface import Clock, Command, Robot, RobotState
from robot_mbrl.contract.observation.layout import ActionCodec, ObservationLayout, Observer

__all__ = [
    "ActionCodec",
    "Clock",
    "Command",
    "ObservationLayout",
    "Observer",
    "Robot",
    "RobotSpec",
    "RobotState",
    "load_robot",
]
