import pytest
import torch

from robot_mbrl.contract import RobotSpec, load_robot


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny networks only wait for one another on several threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def furuta() -> RobotSpec:
    return load_robot("furuta")
