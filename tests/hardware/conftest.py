import pytest

from robot_mbrl.contract import RobotSpec, load_robot


@pytest.fixture(scope="session")
def spec() -> RobotSpec:
    return load_robot("furuta")
