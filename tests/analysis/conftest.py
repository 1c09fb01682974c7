from collections.abc import Callable

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.data import Tick


@pytest.fixture
def furuta() -> RobotSpec:
    return load_robot("furuta")


@pytest.fixture
def ticks(furuta: RobotSpec) -> Callable[[int], Tick]:
    """Tick k of a robot that moves a little."""
    layout = ObservationLayout.from_spec(furuta)

    def make(k: int) -> Tick:
        return Tick(
            index=k,
            host_time_s=0.02 * k,
            device_time_s=0.02 * k,
            q_rad=np.zeros(2),
            observation=0.1 * np.sin(k + np.arange(layout.size)),
            proposed=np.zeros(1),
            applied=np.array([np.sin(k)]),
            disagreement=0.1,
            innovation=np.zeros(2),
            lateness_s=0.0,
            plan_time_s=0.0,
            flags=0,
        )

    return make
