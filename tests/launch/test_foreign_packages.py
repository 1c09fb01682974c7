"""In a shell with ROS 2 sourced, PYTHONPATH holds another package `launch`, before ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("launch", "sim", "hardware", "calibration")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    for name in NAMES:
        package = tmp_path / "ros" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"raise RuntimeError('the foreign {name}')\n")
    return tmp_path / "ros"


def run(foreign: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """From another folder, so that the working directory does not help."""
    return subprocess.run(
        command,
        cwd=foreign,
        env={**os.environ, "PYTHONPATH": f"{foreign}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_console_script_finds_our_packages(foreign: Path) -> None:
    script = Path(sys.executable).with_name("robot-mbrl")
    child = run(foreign, str(script), "sim", "--help")
    assert child.returncode == 0, child.stderr
    assert "usage: robot-mbrl sim" in child.stdout


WORKERS = """
from robot_mbrl.__main__ import put_ours_first
put_ours_first()
import sim
with_processes = sim.make_vec_env("furuta", 2, backend="pybullet", threads=2)
print(with_processes.reset(seed=0)[0].shape)
with_processes.close()
"""


@pytest.mark.bullet
def test_so_do_worker_processes(foreign: Path) -> None:
    """PyBullet's processes import `sim` by name."""
    child = run(foreign, sys.executable, "-c", WORKERS)
    assert child.returncode == 0, child.stderr


def test_a_path_without_foreign_packages_stays_as_it_is() -> None:
    program = (
        "import sys; from robot_mbrl.__main__ import put_ours_first; before = list(sys.path); "
        "put_ours_first(); sys.exit(sys.path != before)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
