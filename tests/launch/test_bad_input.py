"""Bad input: a clear message, an exit code, nothing lost."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from launch.main import main
from robot_mbrl.contract import load_robot
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, read_episode
from tests.support.onboard_graphs import write_controller

ROOT = Path(__file__).parent.parent.parent
LOGS = ROOT / "tests/data/realaigym_simple_pendulum"
STILL = ["collect", "--policy", "random", "--exploration", "0"]
"""Zero action: an episode of a robot that hangs still."""


def fails(capsys, args: list[str]) -> str:
    """Run a verb that must fail; returns its message."""
    assert main(args) == 1
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return str(err)


def record(folder: Path, *more: str) -> Path:
    """One short episode of the mock."""
    args = ["--robot", "furuta", "--port", "mock", "--episodes", "1", "--seconds", "0.4"]
    assert main([*STILL, *args, "--out", str(folder), *more]) == 0
    return next(folder.glob("*.mcap"))


def test_broken_toml_key(robot_folder, capsys):
    toml = robot_folder / "robot.toml"
    toml.write_text(toml.read_text().replace("rate_hz = 50\n", "rate_herz = 50\n", 1))
    args = ["--robot", str(robot_folder), "--port", "mock"]
    error = fails(capsys, [*STILL, *args])
    assert "control.rate_hz" in error and "the key is missing" in error


def test_value_out_of_range(robot_folder, capsys):
    toml = robot_folder / "robot.toml"
    toml.write_text(toml.read_text().replace("watchdog_ms = 80.0", "watchdog_ms = 8000", 1))
    error = fails(capsys, [*STILL, "--robot", str(robot_folder), "--port", "mock"])
    assert "safety.watchdog_ms: expected a number from 5 to 1000 ms; got 8000" in error


def test_urdf_joint_missing(robot_folder, capsys):
    urdf = robot_folder / "furuta.urdf"
    text = urdf.read_text().replace('joint name="pendulum"', 'joint name="pendel"')
    urdf.write_text(text)
    error = fails(capsys, [*STILL, "--robot", str(robot_folder), "--port", "mock"])
    assert (
        "2 problems" in error
        and "'pendulum': is not a movable joint" in error
        and "pendel" in error
    )


def test_wrong_port(tmp_path, capsys):
    args = ["--robot", "furuta", "--port", "/dev/no-such-port", "--out", str(tmp_path)]
    error = fails(capsys, [*STILL, *args])
    assert "/dev/no-such-port" in error and "Ports here" in error
    assert not list(tmp_path.iterdir())


def test_unknown_reality(capsys):
    error = fails(capsys, [*STILL, "--robot", "furuta", "--port", "mock:heavier"])
    assert "'heavier'" in error and "'heavy'" in error


def test_controller_of_another_robot(tmp_path, capsys):
    path = write_controller(tmp_path / "other.onnx", load_robot("simple_pendulum"))
    args = ["--controller", str(path), "--robot", "furuta", "--port", "mock"]
    error = fails(capsys, ["deploy", *args, "--record", str(tmp_path / "episodes")])
    assert "made for another description" in error
    assert "'simple_pendulum'" in error and "'furuta'" in error
    assert not (tmp_path / "episodes").exists()


def test_controller_meets_the_wrong_device(tmp_path, controller, robot_folder, capsys):
    """The description fits the controller, the device has other encoders."""
    toml = robot_folder / "robot.toml"
    text = toml.read_text().replace(
        "encoder_counts_per_rev = 2048", "encoder_counts_per_rev = 4096"
    )
    toml.write_text(text)
    args = ["--controller", str(controller), "--robot", str(robot_folder), "--port", "mock"]
    assert "fingerprint" in fails(capsys, ["deploy", *args])


def test_truncated_episode(tmp_path, capsys):
    whole = record(tmp_path / "episodes")
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    before = hashlib.sha256(whole.read_bytes()).hexdigest()
    args = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "out")]
    error = fails(capsys, ["finetune", *args, "--episodes", str(tmp_path / "episodes")])
    assert str(whole) in error and "--recover" in error
    assert hashlib.sha256(whole.read_bytes()).hexdigest() == before
    assert not (tmp_path / "out").exists()
    assert len(read_episode(whole, recover=True)) > 2


def test_disk_full_while_recording(tmp_path):
    """A file may grow to 40 kB: the write behind that fails as on a full disk."""
    first = record(tmp_path / "episodes")
    before = first.read_bytes()
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); "
    program = limit + "import sys; from launch.main import main; sys.exit(main(sys.argv[1:]))"
    args = ["--robot", "furuta", "--port", "mock", "--out", str(tmp_path / "episodes")]
    child = subprocess.run(
        [sys.executable, "-B", "-c", program, *STILL, *args, "--seconds", "30"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 3
    assert "cannot be written" in child.stderr and "Traceback" not in child.stderr
    assert first.read_bytes() == before
    cut = next(p for p in (tmp_path / "episodes").glob("*.mcap") if p != first)
    assert len(read_episode(cut, recover=True)) > 10


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_disk_full_on_a_small_tmpfs(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        args = ["--robot", "furuta", "--port", "mock", "--out", str(disk), "--seconds", "30"]
        child = subprocess.run(
            [sys.executable, "-m", "launch.main", *STILL, *args],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert child.returncode == 3
        assert "No space left on device" in child.stderr and "bytes are free" in child.stderr
        assert len(read_episode(next(disk.glob("*.mcap")), recover=True)) > 10
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_nan_in_an_imported_csv(tmp_path, capsys):
    shutil.copy(LOGS / "ilqr.measured.csv", tmp_path / "good.measured.csv")
    lines = (LOGS / "ilqr.measured.csv").read_text().splitlines()
    cells = lines[7].split(",")
    lines[7] = ",".join([cells[0], "nan", *cells[2:]])
    (tmp_path / "bad.measured.csv").write_text("\n".join(lines))
    common = ["import-log", "--robot", "simple_pendulum", "--out", str(tmp_path / "out"), "--csv"]
    assert main([*common, str(tmp_path / "good.measured.csv")]) == 0
    good = (tmp_path / "out" / "good.mcap").read_bytes()
    error = fails(capsys, [*common, str(tmp_path / "bad.measured.csv")])
    assert "line 8" in error and "'nan' is no finite number" in error
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.mcap"]
    assert (tmp_path / "out" / "good.mcap").read_bytes() == good


def test_an_import_never_overwrites(tmp_path, capsys):
    source = str(LOGS / "ilqr.measured.csv")
    args = ["import-log", "--robot", "simple_pendulum", "--out", str(tmp_path), "--csv", source]
    assert main(args) == 0
    before = (tmp_path / "ilqr.mcap").read_bytes()
    assert "exists already" in fails(capsys, args)
    assert (tmp_path / "ilqr.mcap").read_bytes() == before


def test_an_episode_stopped_before_its_first_tick(tmp_path, spec, capsys):
    folder = tmp_path / "episodes"
    folder.mkdir()
    header = EpisodeHeader.from_spec(spec, kind="deploy", created="")
    EpisodeWriter(folder / "e.mcap", header).close("limit_position", {"message": "too far"})
    run = ["--run", str(ROOT / "tests/data/before_the_move/run")]
    page = tmp_path / "report.html"
    args = ["report", *run, "--episodes", str(folder), "--out", str(page)]
    assert main(args) == 0
    assert "limit_position" in page.read_text()
    capsys.readouterr()
    assert "finetuning needs" in fails(
        capsys, ["finetune", *run, "--episodes", str(folder), "--out", str(tmp_path / "out")]
    )


def test_an_empty_file_does_not_block_its_folder(tmp_path, capsys):
    """A power cut left it beside good ones; recovering does not need it either."""
    folder = tmp_path / "episodes"
    record(folder)
    (folder / "a.mcap").write_bytes(b"")
    run = str(ROOT / "tests/data/before_the_move/run")
    args = ["report", "--run", run, "--episodes", str(folder), "--out", str(tmp_path / "r.html")]
    for more in ([], ["--recover"]):
        assert main([*args, *more]) == 0
