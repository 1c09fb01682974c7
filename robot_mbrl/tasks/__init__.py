"""Tasks: reward and termination, written so that numpy, torch and the ONNX trace share one
definition."""

from robot_mbrl.tasks.furuta import FurutaSwingUp
from robot_mbrl.tasks.pendulum import PendulumSwingUp
from robot_mbrl.tasks.reach_point import ReachPoint
from robot_mbrl.tasks.reach_pose import ReachPose
from robot_mbrl.tasks.registry import draw_goals, make_task

__all__ = [
    "FurutaSwingUp",
    "PendulumSwingUp",
    "ReachPoint",
    "ReachPose",
    "draw_goals",
    "make_task",
]
