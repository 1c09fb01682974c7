"""The contract between all rooms: robot description, observation layout, interface, errors."""

from robot_mbrl.contract.interface import Clock, Command, Robot, RobotState
from robot_mbrl.contract.layout import ActionCodec, ObservationLayout, Observer
from robot_mbrl.contract.spec import RobotSpec, load_robot

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
