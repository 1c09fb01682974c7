"""A terminal that hangs up ends an episode as SIGTERM does; under nohup it does not."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.main import main
from launch.stop_signals import Terminated, signals_interrupt, stop_signals
from robot_mbrl.data import read_episode

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_nohup() -> Iterator[None]:
    """These tests may themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def collect_args(folder: Path, port: str = "mock") -> list[str]:
    quiet = ["--policy", "random", "--exploration", "0", "--seconds", "36000"]
    return ["collect", "--robot", "furuta", "--port", port, *quiet, "--out", str(folder)]


def test_a_hang_up_is_asked_for_unless_ignored(no_nohup: None) -> None:
    assert signal.SIGHUP in stop_signals()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert signal.SIGHUP not in stop_signals()


def test_other_verbs_end_with_the_code_of_the_signal(no_nohup: None) -> None:
    with pytest.raises(Terminated) as stopped, signals_interrupt():
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(5.0)
    assert stopped.value.number == signal.SIGHUP
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_a_hang_up_ends_an_episode_as_an_operator_does(no_nohup: None, tmp_path: Path) -> None:
    def hang_up() -> None:
        wait_for(tmp_path, 60.0)
        os.kill(os.getpid(), signal.SIGHUP)

    terminal = threading.Thread(target=hang_up)
    terminal.start()
    assert main(collect_args(tmp_path)) == 0
    terminal.join()
    (path,) = tmp_path.glob("*.mcap")
    episode = read_episode(path)
    assert episode.complete and episode.stop_reason == "operator"


def wait_for(folder: Path, seconds: float) -> None:
    """Until an episode is being recorded."""
    end = time.monotonic() + seconds
    while not any(p.stat().st_size > 2_000 for p in folder.glob("*.mcap")):
        assert time.monotonic() < end, "no episode began"
        time.sleep(0.05)


def test_under_nohup_it_goes_on(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "launch.main", *collect_args(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(tmp_path, 60.0)
        child.send_signal(signal.SIGHUP)
        time.sleep(1.0)
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=30.0)
    finally:
        child.kill()
    assert child.returncode == 0 and "stopped by the operator. Drive is off." in out


@pytest.mark.slow
@pytest.mark.realtime
def test_a_closed_terminal_window_stops_the_robot(patient_robot: Path, tmp_path: Path) -> None:
    """The whole way: its own terminal goes away under a robot in real time."""
    command = [sys.executable, "-m", "launch.main"]
    robot, folder = ["--robot", str(patient_robot)], tmp_path / "episodes"
    mock = subprocess.Popen([*command, "mock", *robot], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert mock.stdout is not None
    port = json.loads(mock.stdout.readline())["port"]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        args = [*command, *collect_args(folder, port), *robot]
        os.execve(args[0], args, {**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        drain = threading.Thread(target=read_all, args=(terminal,), daemon=True)
        drain.start()
        wait_for(folder, 60.0)
        os.close(terminal)
        _, status = os.waitpid(child, 0)
    finally:
        mock.send_signal(signal.SIGINT)
        log, _ = mock.communicate(timeout=20.0)
    assert os.waitstatus_to_exitcode(status) == 0
    (path,) = folder.glob("*.mcap")
    episode = read_episode(path)
    assert episode.complete and episode.stop_reason == "operator"
    assert "stopped by host" in log and "WATCHDOG" not in log


def read_all(terminal: int) -> None:
    """Let nobody wait to be read; what was shown helps where the test fails."""
    with contextlib.suppress(OSError):
        while shown := os.read(terminal, 4096):
            sys.stdout.write(shown.decode(errors="replace"))
