"""How many environment steps a second: the vector environment, bare mj_step, SyncVectorEnv.

The three are measured in turn, round after round, so that what else the machine does meets all of
them alike; ratios are medians over rounds.
"""

import functools
import os
import threading
import time
from dataclasses import dataclass

import gymnasium
import mujoco
import numpy as np

import sim
from robot_mbrl.contract import RobotSpec, load_robot


@dataclass(frozen=True)
class SimRates:
    """Environment steps per second, medians over rounds, and ratios, medians of each round's.

    Attributes:
        vector: of `sim.make_vec_env`.
        bare: what mj_step alone would allow on as many threads: physics steps / substeps.
        sync: of gymnasium's SyncVectorEnv over `sim.make_env`.
        vector_to_bare, vector_to_sync: ratios.
        threads: of the vector environment and of bare mj_step.
    """

    vector: float
    bare: float
    sync: float
    vector_to_bare: float
    vector_to_sync: float
    threads: int


def measure_sim(
    robot: str, num_envs: int, *, seconds: float, rounds: int, threads: int = 0
) -> SimRates:
    """Measure for about `seconds` in all; `threads` 0 takes one per core."""
    spec, threads = load_robot(robot), threads or os.cpu_count() or 1
    vector = sim.make_vec_env(spec, num_envs, threads=threads)
    makers = [functools.partial(sim.make_env, spec, seed=k) for k in range(num_envs)]
    sync = gymnasium.vector.SyncVectorEnv(makers)
    model, share = sim.mujoco_model(spec), seconds / rounds / 3
    vector.reset(seed=0)
    sync.reset(seed=0)
    step_for(vector, share)  # warm up
    rows = []
    for _ in range(rounds):
        fast = step_for(vector, share)
        bare = bare_rate(spec, model, steps=max(1, round(fast * share)), threads=threads)
        rows.append((fast, bare, step_for(sync, share)))
    rates = np.array(rows)
    middle = np.median(rates, 0)
    return SimRates(
        vector=float(middle[0]),
        bare=float(middle[1]),
        sync=float(middle[2]),
        vector_to_bare=float(np.median(rates[:, 0] / rates[:, 1])),
        vector_to_sync=float(np.median(rates[:, 0] / rates[:, 2])),
        threads=threads,
    )


def step_for(env: gymnasium.vector.VectorEnv, seconds: float) -> float:
    """Environment steps per second under random actions, measured for so long."""
    rng = np.random.default_rng(0)
    shape = (64, *(env.action_space.shape or ()))
    actions, steps = rng.uniform(-1, 1, shape).astype(np.float32), 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or not steps:
        env.step(actions[steps % len(actions)])
        steps += 1
    return steps * env.num_envs / elapsed


def bare_rate(spec: RobotSpec, model: mujoco.MjModel, *, steps: int, threads: int) -> float:
    """Environment steps per second if mj_step were all: physics of `steps` on Python threads."""
    worlds = [moving(spec, model, seed=k) for k in range(threads)]
    each = max(1, steps * spec.control.substeps // threads)
    workers = [threading.Thread(target=mujoco.mj_step, args=(model, w, each)) for w in worlds]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return each * threads / spec.control.substeps / (time.perf_counter() - start)


def moving(spec: RobotSpec, model: mujoco.MjModel, seed: int) -> mujoco.MjData:
    """A world in motion under half the limit of each motor."""
    data, rng = mujoco.MjData(model), np.random.default_rng(seed)
    data.qvel[:] = rng.uniform(-3, 3, model.nv)
    data.ctrl[:] = [0.5 * a.limit for a in spec.actuators]
    return data
