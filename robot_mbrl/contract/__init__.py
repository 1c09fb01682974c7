"""The contract between all rooms: robot description, observation layout, interface, errors."""

from robot_mbrl.contract.description.read_robot import load_robot
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.interface import Clock, Command, Robot, RobotState
from robot_mbrl.contract.observation.action_codec import ActionCodec
from robot_mbrl.contract.observation.layout import ObservationLayout
from robot_mbrl.contract.observation.observer import Observer

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
