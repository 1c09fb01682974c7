import gc
import importlib.util

import pytest
import torch

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SettingsError
from sim.rendering.gl import offscreen_context

HAS_PYBULLET = importlib.util.find_spec("pybullet") is not None
collect_ignore_glob = [] if HAS_PYBULLET else ["sim/bullet_engine/*", "sim/adopt/test_foreign*"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without PyBullet, which is an extra of its own, what asks for its worlds is left out."""
    if HAS_PYBULLET:
        return
    for item in items:
        asked = getattr(item, "callspec", None)
        if item.get_closest_marker("bullet") or (asked and "pybullet" in asked.params.values()):
            item.add_marker(pytest.mark.skip(reason="PyBullet is not installed"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny networks only wait for one another on several threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _garbage_of_the_tests_alone() -> None:
    """An episode collects garbage before it begins. What was loaded before the first test is none,
    and to look through it takes half a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def furuta() -> RobotSpec:
    return load_robot("furuta")


@pytest.fixture(scope="session")
def gl() -> None:
    """Pictures can be drawn here, by a graphics card or without."""
    try:
        offscreen_context(16, 16).free()
    except SettingsError as error:
        pytest.skip(str(error))
