"""A reader that has gone ends no command and leaves no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(command: str, **options: int) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m launch.main {command}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program}"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        "| true",
        "--help 2>&1 | head -1",
        "deploy --help | head -1",
        "sim --robot furuta --show-randomization --json | head -2",
        "sim --robot furuta --show-randomization >&-",
        "sim --robot no-such-robot --json 2>&- | true",
        "sim --robot no-such-robot 2>&1 | true",
    ],
)
def test_a_reader_that_has_gone(command):
    done = run(command)
    assert done.returncode in ((0,) if "no-such" not in command and command != "| true" else (1, 2))
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_a_robot_goes_on_when_nobody_reads(tmp_path):
    args = f"--robot furuta --port mock --seconds 0.4 --episodes 3 --out {tmp_path}"
    done = run(f"collect --policy random --exploration 0 {args} | head -1")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert len(list(tmp_path.glob("*.mcap"))) == 3
