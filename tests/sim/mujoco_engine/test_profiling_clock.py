"""The engine steps without asking the time."""

import mujoco

from robot_mbrl.contract import RobotSpec
from sim.mujoco_engine.worlds import MujocoWorlds


def test_worlds_are_stepped_without_profiling(furuta: RobotSpec) -> None:
    worlds = MujocoWorlds(furuta, 1, threads=1)
    data = mujoco.MjData(worlds.model)
    mujoco.mj_step(worlds.model, data, 100)
    timer = data.timer[mujoco.mjtTimer.mjTIMER_STEP]
    assert timer.duration == 0.0
    assert data.time > 0
