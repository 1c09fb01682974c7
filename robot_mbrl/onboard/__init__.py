"""What runs on the robot's computer: controller, supervisor, monitors, recorder, loop."""

from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.onboard.controller.controller import OnnxController, load_controller
from robot_mbrl.onboard.controller.load_for_robot import load_for_robot
from robot_mbrl.onboard.controller.metadata import ControllerMetadata
from robot_mbrl.onboard.controller.output import Controller, ControllerOutput
from robot_mbrl.onboard.episode_row import EpisodesReport, run_episodes
from robot_mbrl.onboard.exploration import ExploringController, RandomController
from robot_mbrl.onboard.home import go_home
from robot_mbrl.onboard.loop import run_episode
from robot_mbrl.onboard.loop_report import LoopReport
from robot_mbrl.onboard.monitor.fit_thresholds import calibrate_monitor
from robot_mbrl.onboard.monitor.monitor import Monitor
from robot_mbrl.onboard.monitor.thresholds import MonitorThresholds
from robot_mbrl.onboard.recorder import Recorder
from robot_mbrl.onboard.session import EpisodePlan, EpisodeResult, Session
from robot_mbrl.onboard.supervisor.latched_robot import SafetyState
from robot_mbrl.onboard.supervisor.safe_robot import SafeRobot

__all__ = [
    "Controller",
    "ControllerMetadata",
    "ControllerOutput",
    "EpisodePlan",
    "EpisodeResult",
    "EpisodesReport",
    "ExploringController",
    "LoopReport",
    "Monitor",
    "MonitorThresholds",
    "OnnxController",
    "RandomController",
    "Recorder",
    "SafeRobot",
    "SafetyState",
    "Session",
    "StopReason",
    "calibrate_monitor",
    "go_home",
    "load_controller",
    "load_for_robot",
    "run_episode",
    "run_episodes",
]
