"""Broken files of every kind: each is read or refused by one message; nothing hangs or explodes."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from launch.main import main
from robot_mbrl.contract.errors import RobotMbrlError
from tests.fuzz.campaign import failures, limited_time
from tests.fuzz.kinds import BEFORE, KINDS
from tests.fuzz.mutations import broken

ROOT = Path(__file__).parents[2]
A_FEW, MANY = range(5_000, 5_012), 1_000
MOST_MB = 1_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_file_is_read(kind: str, tmp_path: Path) -> None:
    """Or the tests below would say nothing."""
    KINDS[kind].read(KINDS[kind].prepare(tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_broken_files(kind: str) -> None:
    assert not list(failures(kind, A_FEW))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_broken_files(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.campaign", kind, str(MANY)],
        cwd=ROOT, capture_output=True, text=True, timeout=3_600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["failures"], "\n".join(found["failures"][:5])
    assert found["peak_mb"] < MOST_MB


@pytest.mark.parametrize("what", ["pipe", "folder", "nothing", "empty", "zeros without end"])
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "controller metadata"])
def test_what_is_no_file(kind: str, what: str, tmp_path: Path) -> None:
    path = KINDS[kind].prepare(tmp_path)
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "zeros without end":
        path.symlink_to("/dev/zero")
    with limited_time(), tempfile.TemporaryDirectory():
        try:
            KINDS[kind].read(path)
        except RobotMbrlError as error:
            assert path.name in str(error) or str(path.parent) in str(error)
        else:
            assert (kind, what) in MAY_BE_MISSING


MAY_BE_MISSING = {
    ("finetune.json", "nothing"),
    ("metrics.jsonl", "nothing"),
    ("metrics.jsonl", "empty"),
    ("reality", "empty"),
    ("replay", "nothing"),
}

COMMANDS = {
    "controller": ["deploy", "--controller", "{path}", "--port", "mock", "--record", "{out}"],
    "robot.toml": ["sim", "--robot", "{folder}", "--show-randomization"],
    "URDF": ["sim", "--robot", "{folder}", "--show-randomization"],
    "reality": ["collect", "--policy", "random", "--robot", "furuta", "--port", "mock:{path}",
                "--episodes", "1", "--seconds", "0.1", "--out", "{out}"],
    "calibration.toml": ["sim", "--robot", "furuta", "--calibration", "{path}",
                         "--show-randomization"],
    "episode": ["report", "--run", str(BEFORE / "run"), "--out", "{out}/r.html",
                "--episodes", "{path}", "--recover"],
    "lineage": ["report", "--run", "{folder}", "--out", "{out}/r.html"],
    "state.json": ["export", "--run", "{folder}", "--out", "{out}/c.onnx"],
    "thresholds.json": ["report", "--run", "{folder}", "--out", "{out}/r.html"],
    "CSV": ["import-log", "--robot", "simple_pendulum", "--csv", "{path}", "--out", "{out}"],
}  # fmt: skip


def run_command(kind: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One command on one broken file: an exit code and a message, as README says."""
    folder, out = tmp_path / str(seed), tmp_path / f"out-{seed}"
    folder.mkdir()
    path = KINDS[kind].prepare(folder)
    path.write_bytes(broken(path.read_bytes(), KINDS[kind].ways, seed))
    names = {"path": path, "folder": folder, "out": out}
    with limited_time(60):
        code = main([part.format(**names) for part in COMMANDS[kind]])
    shown = capsys.readouterr()
    assert code in (0, 1, 3)
    assert "Traceback" not in shown.out + shown.err
    if code == 1:
        assert "error: " in shown.err
        assert not list(out.glob("*")), "an error leaves nothing behind"


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.filterwarnings("ignore")
def test_a_command(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        run_command(kind, seed, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.filterwarnings("ignore")
def test_many_commands(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(1_000, 1_025):
        run_command(kind, seed, tmp_path, capsys)
