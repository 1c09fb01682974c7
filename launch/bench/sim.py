"""How many environment steps a second: vector environment, bare mj_step, gymnasium's own, PyBullet.

They are measured in turn, round after round, so that what else the machine does meets all of them
alike; ratios are medians over rounds.
"""

import functools
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import gymnasium
import mujoco
import numpy as np

import sim
from launch.bench.memory import bytes_per_world
from launch.terminal import print_numbers
from launch.verb import Outcome, Verb
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SettingsError

MOST_SINGLE = 64
"""SyncVectorEnv and PyBullet step one world after the other: more of them change no rate."""


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Environment steps per second, against bare mj_step, gymnasium's SyncVectorEnv and PyBullet;
    memory of a world.
    """

    robot: str = "furuta"
    """built-in robot or robot folder"""
    worlds: tuple[int, ...] = (256,)
    """worlds stepped together; several numbers are measured one after the other"""
    threads: int = 0
    """of the vector environment and of mj_step; one per core by default"""
    seconds: float = 30.0
    """length of all measurements of one number of worlds"""
    rounds: int = 10
    """all are measured in turn so often; medians are reported"""


@dataclass(frozen=True)
class SimRates:
    """Environment steps per second, medians over rounds, and ratios, medians of each round's.

    Attributes:
        worlds: of the vector environment.
        vector: of `sim.make_vec_env`.
        bare: what mj_step alone would allow on as many threads: physics steps / substeps.
        sync: of gymnasium's SyncVectorEnv of its own InvertedPendulum-v5, with as many physics
            steps in an environment step; it has neither randomization nor latency nor noise.
        bullet: of `sim.make_vec_env` in PyBullet, in one process; nan where it is not installed.
        vector_to_bare, vector_to_sync: ratios.
        threads: of the vector environment and of bare mj_step.
        bytes_per_world: memory of the vector environment.
    """

    worlds: int
    vector: float
    bare: float
    sync: float
    bullet: float
    vector_to_bare: float
    vector_to_sync: float
    threads: int
    bytes_per_world: float


def run(settings: Settings) -> Outcome:
    """Environment steps per second, four ways, for each number of worlds."""
    found = []
    for worlds in settings.worlds:
        rates = measure_sim(
            settings.robot,
            worlds,
            seconds=settings.seconds,
            rounds=settings.rounds,
            threads=settings.threads,
        )
        found.append(asdict(rates))
        print_numbers(found[-1])
    return Outcome({"rates": found})


def measure_sim(
    robot: str, num_envs: int, *, seconds: float, rounds: int, threads: int = 0
) -> SimRates:
    """Measure for about `seconds` in all; `threads` 0 takes one per core."""
    spec, threads = load_robot(robot), threads or os.cpu_count() or 1
    vector = sim.make_vec_env(spec, num_envs, threads=threads)
    sync, bullet = sync_env(spec.control.substeps, num_envs), bullet_env(spec, num_envs)
    model, share = sim.mujoco_model(spec), seconds / rounds / (4 if bullet else 3)
    vector.reset(seed=0)
    step_for(vector, share)  # warm up
    rows = []
    for _ in range(rounds):
        fast = step_for(vector, share)
        bare = bare_rate(spec, model, steps=max(1, round(fast * share)), threads=threads)
        slow = step_for(bullet, share) if bullet else math.nan
        rows.append((fast, bare, step_for(sync, share), slow))
    rates = np.array(rows)
    middle = np.median(rates, 0)
    return SimRates(
        worlds=num_envs,
        vector=float(middle[0]),
        bare=float(middle[1]),
        sync=float(middle[2]),
        bullet=float(middle[3]),
        vector_to_bare=float(np.median(rates[:, 0] / rates[:, 1])),
        vector_to_sync=float(np.median(rates[:, 0] / rates[:, 2])),
        threads=threads,
        bytes_per_world=bytes_per_world(robot),
    )


def sync_env(substeps: int, num_envs: int) -> gymnasium.vector.VectorEnv:
    """Gymnasium's loop over its own single environments, reset."""
    make = functools.partial(gymnasium.make, "InvertedPendulum-v5", frame_skip=substeps)
    env = gymnasium.vector.SyncVectorEnv([make] * min(num_envs, MOST_SINGLE))
    env.reset(seed=0)
    return env


def bullet_env(spec: RobotSpec, num_envs: int) -> gymnasium.vector.VectorEnv | None:
    """PyBullet in this process, reset; None where it is not installed."""
    try:
        env = sim.make_vec_env(spec, min(num_envs, MOST_SINGLE), backend="pybullet", threads=1)
    except SettingsError:
        return None
    env.reset(seed=0)
    return env


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
    each = max(1, steps * spec.control.substeps // threads)
    work = [mover(spec, model, each, seed=k) for k in range(threads)]
    workers = [threading.Thread(target=w) for w in work]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return each * threads / spec.control.substeps / (time.perf_counter() - start)


def mover(spec: RobotSpec, model: mujoco.MjModel, steps: int, seed: int) -> Callable[[], None]:
    """Steps a world so often; once a simulated second it gets new speeds and commands.

    Left alone it would come to rest, which the solver finds easy, while worlds of the environment
    move.
    """
    data, rng = mujoco.MjData(model), np.random.default_rng(seed)
    limits = np.array([a.limit for a in spec.actuators])
    second = round(spec.control.physics_rate_hz)

    def run() -> None:
        for done in range(0, steps, second):
            data.qpos[:] = model.qpos0
            data.qvel[:] = rng.uniform(-3, 3, model.nv)
            data.ctrl[:] = limits * rng.uniform(-1, 1, model.nu)
            mujoco.mj_step(model, data, min(second, steps - done))

    return run
