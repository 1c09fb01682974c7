"""A closed environment leaves no thread behind, and forking beside an open one is safe."""

import gc
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract.errors import RobotMbrlError
from sim import make_env, make_vec_env


def threads() -> int:
    """Of this process, Python's or not."""
    return len(os.listdir("/proc/self/task"))


def used(kind: str, backend: str, processes: int = 2) -> Any:
    """An environment that has stepped, and reset a world in doing so, so that all is in use."""
    settings: dict[str, Any] = {"backend": backend, "episode_s": 0.04}
    if kind == "vector":
        settings["threads"] = 3 if backend == "mujoco" else processes
        env: Any = make_vec_env("furuta", 4, **settings)
    else:
        env = make_env("furuta", **settings)
    env.reset(seed=0)
    for _ in range(2):
        env.step(np.zeros(env.action_space.shape))
    return env


@pytest.mark.parametrize(
    ("kind", "backend"),
    [
        ("single", "mujoco"),
        ("vector", "mujoco"),
        ("single", "pybullet"),
        pytest.param("vector", "pybullet", marks=pytest.mark.slow),  # starts six processes
    ],
)
@pytest.mark.parametrize("end", ["closed", "forgotten"])
def test_threads_and_processes_end_with_the_environment(kind: str, backend: str, end: str) -> None:
    used(kind, backend).close()  # what the process keeps for ever is there now
    gc.collect()
    before, kept = threads(), []
    for _ in range(2):
        env = used(kind, backend)
        if end == "closed":
            env.close()
            env.close()
            kept.append(env)  # still referred to
        del env
    if end == "forgotten":
        gc.collect()
    assert threads() == before
    assert not [p for p in multiprocessing.active_children() if p.name == "bullet"]


@pytest.mark.parametrize("backend", ["mujoco", "pybullet"])
@pytest.mark.parametrize("kind", ["single", "vector"])
def test_a_closed_environment_says_so(kind: str, backend: str) -> None:
    env = used(kind, backend, processes=1)
    env.close()
    with pytest.raises(RobotMbrlError, match="closed"):
        env.reset()


FORK = """
import os, sys, signal
import numpy as np
import sim
from robot_mbrl.contract.errors import RobotMbrlError

signal.alarm(30)
env = sim.make_vec_env("furuta", 4, threads=3)
env.reset()


def child(what):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        try:
            exec(what, globals())
        except RobotMbrlError as error:
            print("told:", error, flush=True)
        sys.exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


for what in WHAT:
    assert child(what) == 7, what
    env.step(np.zeros((4, 1)))
env.close()
assert child("pass") == 7
print("all ended")
"""
WHAT = (
    "pass",
    "del env",
    "env.close()",
    "env.step(np.zeros((4, 1)))",
    "sim.make_vec_env('furuta', 4, threads=3).reset()",
)


def test_children_forked_by_others_end() -> None:
    """They neither hang nor abort, whatever they do; the parent's environment goes on."""
    done = subprocess.run(
        [sys.executable, "-c", f"WHAT = {WHAT}\n{FORK}"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == 0 and done.stdout.endswith("all ended\n"), done.stderr
    assert done.stdout.count("belong to the process that this one was forked from") == 1
