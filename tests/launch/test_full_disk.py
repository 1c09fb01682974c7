"""A full disk: one message, exit code 1, the file of before as it was, nothing beside it."""

import errno
import hashlib
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from launch.main import main
from robot_mbrl.data import read_episode

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests/data/before_the_move/run"
EPISODES = ROOT / "tests/data/before_the_move/episodes"
LOG = ROOT / "tests/data/realaigym_simple_pendulum/ilqr.measured.csv"
LIMITED = """
import resource, sys
from launch.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""
FINETUNE = ["--holdout", "0.5", "--fit.steps", "2", "--updates", "2", "--no-posterior"]


def run(limit: int, *args: object) -> subprocess.CompletedProcess[str]:
    """A command whose files may not grow beyond `limit` bytes, as on a disk that is full then."""
    return subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, str(limit), *map(str, args)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.mark.parametrize(
    ("limit", "name", "args"),
    [
        (30_000, "report.html", ["report", "--run", RUN, "--episodes", EPISODES, "--out"]),
        (3_000, "run.gif", ["sim", "--robot", "furuta", "--seconds", "0.2", "--gif"]),
    ],
)
def test_an_output_is_as_it_was(limit, name, args, tmp_path):
    (tmp_path / name).write_bytes(b"the one of before")
    before = hashes(tmp_path)
    done = run(limit, *args, tmp_path / name)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert f"{name}: cannot be written (File too large)" in done.stderr
    assert "the file of before is as it was" in done.stderr
    assert hashes(tmp_path) == before


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_controller_is_as_it_was(step, tmp_path, monkeypatch, capsys):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "controller.onnx"
    path.write_bytes(b"the one of before")
    before = hashes(tmp_path)
    monkeypatch.setattr(f"robot_mbrl.contract.files.whole_file.os.{step}", full)
    assert main(["export", "--run", str(RUN), "--out", str(path)]) == 1
    assert "controller.onnx: cannot be written (No space left" in capsys.readouterr().err
    assert hashes(tmp_path) == before


def test_a_full_temporary_folder_is_told(tmp_path):
    done = run(30_000, "export", "--run", RUN, "--out", tmp_path / "controller.onnx")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot be written (File too large)" in done.stderr
    assert hashes(tmp_path) == {}


def test_an_import_leaves_nothing_and_can_be_repeated(tmp_path):
    args = ["import-log", "--robot", "simple_pendulum", "--csv", LOG, "--out", tmp_path]
    done = run(20_000, *args)
    assert done.returncode == 1 and "cannot be written" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert hashes(tmp_path) == {}
    assert run(resource.RLIM_INFINITY, *args).returncode == 0
    assert len(read_episode(tmp_path / "ilqr.mcap")) > 100


@pytest.mark.slow
def test_a_finetuning_leaves_nothing_and_can_be_repeated(tmp_path):
    out, episodes = tmp_path / "finetuned", tmp_path / "episodes"
    collect = ["collect", "--policy", "random", "--robot", "furuta", "--port", "mock"]
    collect += ["--exploration", "0.1", "--episodes", "4", "--seconds", "1"]
    assert main([*collect, "--out", str(episodes)]) == 0
    args = ["finetune", "--run", RUN, "--episodes", episodes, "--out", out, *FINETUNE]
    done = run(50_000, *args)
    assert done.returncode == 1 and "cannot be written" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists() or hashes(out) == {}
    done = run(resource.RLIM_INFINITY, *args)
    assert done.returncode in (0, 4), done.stderr
    assert (out / "state.json").exists()


@pytest.mark.slow
def test_a_pretraining_goes_on_where_the_disk_was_full(tmp_path):
    out = tmp_path / "run"
    args = ["pretrain", "--robot", "furuta", "--out", out, "--num-envs", "4", "--updates", "16"]
    args += ["--warmup-steps", "40", "--checkpoint-every", "8", "--evaluation-worlds", "2"]
    args += ["--alarm-worlds", "4", "--fit.steps", "2"]
    done = run(30_000, *args)
    assert done.returncode == 1 and "cannot be written" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not [p.name for p in out.iterdir() if p.name.endswith(".tmp")]
    done = run(resource.RLIM_INFINITY, *args)
    assert done.returncode == 4, done.stderr  # 16 updates learn nothing, and it says so
    assert '"finished": true' in (out / "state.json").read_text()
