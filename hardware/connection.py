"""From a port name to a connected robot and the clock it lives by."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware.clock import RealClock
from hardware.driver import Driver
from hardware.mock.board import Board, Device
from hardware.mock.lockstep import LockstepClock, LockstepPort
from hardware.mock.plant import PlantFactory, installed_plant
from hardware.port import open_port
from hardware.protocols import make_driver, make_mock
from robot_mbrl.contract.description.read_robot import load_robot
from robot_mbrl.contract.description.reality import Reality, load_reality
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import RobotMbrlError
from robot_mbrl.contract.interface import Clock

if TYPE_CHECKING:
    from robot_mbrl.envs.robot_env import RobotEnv

MOCK = "mock"


@dataclass(frozen=True)
class Connection:
    """A connected robot, its drive off.

    Attributes:
        robot: the driver.
        clock: the time it lives by.
        port: as given to `open_connection`.
        device: the mock device behind the robot where it runs in this process.
    """

    robot: Driver
    clock: Clock
    port: str
    device: Device | None = None

    @property
    def simulated(self) -> bool:
        """Whether time passes only while somebody waits, and connecting anew is a power-up."""
        return self.device is not None


def is_mock(port: str) -> bool:
    """Whether `port` names the in-process mock: "mock" or "mock:REALITY"."""
    return port == MOCK or port.startswith(MOCK + ":")


def open_connection(
    spec: RobotSpec,
    port: str,
    *,
    rng: np.random.Generator | None = None,
    plant: PlantFactory | None = None,
) -> Connection:
    """Open `port`, check that the device is this robot, and leave its drive off.

    Args:
        spec: the robot.
        port: a device path, a pyserial URL, "mock" or "mock:REALITY" (a TOML file or a name in the
            robot's folder `realities`).
        rng: of the mock; seeded by the reality file by default.
        plant: of the mock; the installed one by default.

    Raises:
        LinkError: no such port, or nobody answers.
        ContractMismatchError: another robot answers.
        SpecError: a broken reality file, no plant installed, or an unknown `[link] protocol`.
    """
    if is_mock(port):
        reality = load_reality(port.removeprefix(MOCK).removeprefix(":") or None, spec)
        device = make_device(spec, reality, rng=rng, plant=plant)
        robot = make_driver(spec, LockstepPort(device))
        connection = Connection(robot, LockstepClock(device), port, device)
    else:
        line = open_port(port, spec.link.baudrate, spec.link.reply_timeout_ms * 1e-3)
        connection = Connection(make_driver(spec, line), RealClock(), port)
    try:
        connection.robot.connect()
    except RobotMbrlError:
        connection.robot.close()
        raise
    return connection


def open_robot(spec: RobotSpec, port: str, *, rng: np.random.Generator | None = None) -> Driver:
    """The robot of `open_connection`, for callers that bring their own clock."""
    return open_connection(spec, port, rng=rng).robot


def make_env(robot: str | Path | RobotSpec, port: str, **settings: Any) -> "RobotEnv":
    """The gymnasium environment of a real robot, or of the mock.

    Args:
        robot: built-in name, folder, or spec.
        port: see `open_connection`.
        settings: `episode_s`, `task`, see RobotEnv; `realtime` is True for a real robot.

    `reset` brings the robot home; closing the environment releases it. Raises as `open_connection`.
    """
    from robot_mbrl.envs.robot_env import (
        RobotEnv,  # the one door upwards; drivers do not need gymnasium
    )

    spec = robot if isinstance(robot, RobotSpec) else load_robot(robot)
    connection = open_connection(spec, port)
    try:
        settings = {"realtime": not connection.simulated} | settings
        return RobotEnv(connection.robot, connection.clock, spec, **settings)
    except BaseException:
        connection.robot.close()
        raise


def make_device(
    spec: RobotSpec,
    reality: Reality | str | Path | None = None,
    *,
    rng: np.random.Generator | None = None,
    plant: PlantFactory | None = None,
) -> Device:
    """A mock device with its plant, powered up at time 0."""
    if not isinstance(reality, Reality):
        reality = load_reality(reality, spec)
    rng = rng or np.random.default_rng(reality.seed)
    make_plant = plant or installed_plant()
    return make_mock(Board(spec, make_plant(spec, reality, rng), reality, rng))
