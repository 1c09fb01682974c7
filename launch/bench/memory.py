"""Memory of a simulated world, measured in a fresh process."""

import math
import resource
from pathlib import Path

import numpy as np

from robot_mbrl.learning.scale.executor import Job, ProcessExecutor

MANY = 4096
STATM = Path("/proc/self/statm")
"""Linux: sizes of this process in pages; the second is what is resident."""


def bytes_per_world(robot: str) -> float:
    """By how much each world of a vector environment lets its process grow, once worlds have been
    reset and stepped; prepared worlds, observations and info are in it. NaN without /proc.
    """
    if not STATM.exists():
        return math.nan
    # one after the other in one other process: this one's memory is not to count
    jobs = [Job(f"memory of {n} worlds", resident, (robot, n)) for n in (1, 1 + MANY)]
    few, many = ProcessExecutor(1).map(jobs)
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
