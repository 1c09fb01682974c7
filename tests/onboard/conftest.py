import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.onboard import SafeRobot
from tests.support.onboard_fakes import FakeController, FakeRobot, LockstepClock


@pytest.fixture
def spec() -> RobotSpec:
    return load_robot("furuta")


@pytest.fixture
def clock() -> LockstepClock:
    return LockstepClock()


@pytest.fixture
def robot(spec: RobotSpec, clock: LockstepClock) -> FakeRobot:
    return FakeRobot(spec, clock)


@pytest.fixture
def safe(robot: FakeRobot, spec: RobotSpec, clock: LockstepClock) -> SafeRobot:
    return SafeRobot(robot, spec, clock)


@pytest.fixture
def controller(spec: RobotSpec) -> FakeController:
    return FakeController(spec)
