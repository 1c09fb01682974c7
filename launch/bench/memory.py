"""Memory of a simulated world, measured in a fresh process."""

import math
import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

MANY = 4096
STATM = Path("/proc/self/statm")
"""Linux: sizes of this process in pages; the second is what is resident."""


def bytes_per_world(robot: str) -> float:
    """By how much each world of a vector environment lets its process grow, once worlds have been
    reset and stepped; spare worlds, observations and info are in it. nan where there is no /proc.
    """
    if not STATM.exists():
        return math.nan
    context = multiprocessing.get_context("spawn")  # this process's memory is not to count
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        few, many = (pool.submit(resident, robot, n).result() for n in (1, 1 + MANY))
    return (many - few) / MANY


def resident(robot: str, worlds: int) -> float:
    """Bytes of this process with so many worlds, after two resets of each."""
    import sim  # needs mujoco

    env = sim.make_vec_env(robot, worlds, threads=1, episode_s=0.1)
    env.reset(seed=0)
    actions = np.zeros(env.action_space.shape or (), np.float32)
    for _ in range(12):
        latest = env.step(actions)
    pages = int(STATM.read_text().split()[1])
    del latest
    env.close()
    return float(pages * resource.getpagesize())
