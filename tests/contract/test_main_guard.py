"""A script that starts worker processes without a main guard is told so, in one message."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BULLET = """
import sim
env = sim.make_vec_env("furuta", 2, backend="pybullet", threads=2)
print(env.reset(seed=0)[0].shape)
env.close()
"""
JOBS = """
from robot_mbrl.learning.scale.executor import Job, ProcessExecutor
print(list(ProcessExecutor(1).map([Job("one", abs, (-3,))])))
"""


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script)
    command = [sys.executable, str(folder / "script.py")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("script", [pytest.param(BULLET, marks=pytest.mark.bullet), JOBS])
def test_a_script_without_a_guard_is_told_so(tmp_path: Path, script: str) -> None:
    child = run(tmp_path, script)
    assert child.returncode == 1
    assert "bootstrapping" not in child.stderr  # Python's own words about it
    assert 'if __name__ == "__main__":' in child.stderr.splitlines()[-1]


@pytest.mark.parametrize("script", [pytest.param(BULLET, marks=pytest.mark.bullet), JOBS])
def test_with_a_guard_it_runs(tmp_path: Path, script: str) -> None:
    body = "".join(f"    {line}\n" for line in script.strip().splitlines())
    child = run(tmp_path, f'if __name__ == "__main__":\n{body}')
    assert child.returncode == 0, child.stderr
