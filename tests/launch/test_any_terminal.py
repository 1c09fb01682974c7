"""Names that are no UTF-8 and terminals that show ASCII only end no verb."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAME = os.fsdecode(b"na\xefve \xff")


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONUTF8": "1"}],
    ids=lambda e: " ".join(e),
)
def test_episodes_in_a_folder_whose_name_is_no_text(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / NAME
    command = "collect --robot furuta --policy random --port mock --seconds 0.1 --episodes 1 --json"
    child = subprocess.run(
        [sys.executable, "-m", "launch.main", *command.split(), "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    path = json.loads(child.stdout.splitlines()[-1])["episodes"][0]["path"]
    assert Path(path).parent == out and Path(path).is_file()


def test_help_on_an_ascii_terminal() -> None:
    child = subprocess.run(
        [sys.executable, "-m", "launch.main", "pretrain", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.isascii()


EVERY_KIND = """
import sys
from launch.main import main
here, urdf = sys.argv[1:]
file = here + "/new.onnx"
assert main(["export", "--run", here + "/run", "--out", file]) == 0
assert main(["sim", "--controller", file, "--seconds", "0.1"]) == 0
assert main(["report", "--run", here + "/run"]) == 0
assert main(["new-robot", urdf, "--out", here + "/robot"]) == 0
"""


def test_every_kind_of_file_in_such_a_folder(tmp_path: Path) -> None:
    """A run is read and exported, its controller read, pages and a robot's folder written.

    In a process of its own: what it prints is not for those who collect what tests print.
    """
    here, urdf = tmp_path / NAME, "robot_mbrl/robots/furuta/furuta.urdf"
    shutil.copytree(ROOT / "tests/data/before_the_move", here)
    child = subprocess.run(
        [sys.executable, "-c", EVERY_KIND, str(here), urdf],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert (here / "run" / "report.html").stat().st_size > 1000
