"""PyBullet worlds in processes: the same bits, no child left behind, errors that arrive."""

import gc
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import RobotMbrlError, ShapeError
from sim.bullet_engine.process import BulletProcess
from sim.bullet_engine.worlds import BulletWorlds
from tests.support.engines import parameters


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pids(worlds: BulletWorlds) -> list[int]:
    processes = [c for c in worlds._workers if isinstance(c, BulletProcess)]
    return [c._process.pid or 0 for c in processes]


def drive(worlds: BulletWorlds) -> np.ndarray:
    rng = np.random.default_rng(0)
    masses = parameters(worlds.spec, 5, links__arm__mass=np.linspace(0.8, 1.2, 5))
    worlds.reset(masses, np.arange(5))
    out = []
    for tick in range(6):
        if tick == 3:
            worlds.reset(parameters(worlds.spec, 2, links__arm__mass=0.9), np.array([1, 4]))
        worlds.step(rng.uniform(-1, 1, (5, 1)))
        out.append(worlds.measure(rng))
    return np.array(out)


def test_the_bits_are_those_of_one_process_and_closing_ends_the_children(furuta: RobotSpec) -> None:
    alone, shared = (BulletWorlds(furuta, 5, processes=n) for n in (1, 2))
    np.testing.assert_array_equal(drive(shared), drive(alone))
    np.testing.assert_array_equal(shared.mass_matrix(4), alone.mass_matrix(4))
    children = pids(shared)
    assert len(children) == 2 and not pids(alone)
    shared.close()
    shared.close()
    assert not any(map(running, children))
    with pytest.raises(RobotMbrlError, match="closed; make new ones"):
        shared.step(np.zeros((5, 1)))


def test_a_dead_child_is_an_error_that_ends_the_others(furuta: RobotSpec) -> None:
    worlds = BulletWorlds(furuta, 2, processes=2)
    children = pids(worlds)
    os.kill(children[1], signal.SIGKILL)
    with pytest.raises(RobotMbrlError, match=f"pid {children[1]}.*exit code -9"):
        worlds.step(np.zeros((2, 1)))
    assert not any(map(running, children))


def test_an_error_in_a_child_is_raised_here_and_worlds_forgotten_end_theirs(
    furuta: RobotSpec,
) -> None:
    child = BulletProcess(furuta, 1)
    child.start("step", np.zeros((1, 7)), 1)  # seven motors
    with pytest.raises(ShapeError, match=r"commands: expected shape \(1, 1\), got \(1, 7\)"):
        child.finish()
    child.start("readings")  # it goes on
    assert not child.finish().q_rad.any()
    pid = child._process.pid or 0
    del child
    gc.collect()
    assert not running(pid)


@pytest.mark.realtime
def test_a_child_that_hangs_is_ended_within_two_seconds(furuta: RobotSpec) -> None:
    child = BulletProcess(furuta, 1)
    child.start("readings")
    child.finish()
    pid = child._process.pid or 0
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    child.close()
    assert time.monotonic() - begun < 2.0
    assert not running(pid)


ORPHAN = """
import os, signal
from robot_mbrl.contract import load_robot
from sim.bullet_engine.process import BulletProcess
if __name__ == "__main__":
    child = BulletProcess(load_robot("furuta"), 1)
    child.start("readings"); child.finish()
    print(child._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_does_not_outlive_a_killed_parent(tmp_path: object) -> None:
    script = os.path.join(str(tmp_path), "orphan.py")
    with open(script, "w") as file:
        file.write(ORPHAN)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, script], capture_output=True, env=environment, text=True)
    pid, until = int(done.stdout), time.monotonic() + 60
    while running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(pid)
