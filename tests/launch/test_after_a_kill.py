"""After `kill -9` the watchdog of the device has tripped; a person decides how to go on."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "launch.main"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.realtime
def test_kill_then_refuse_then_clear(patient_robot: Path, tmp_path: Path) -> None:
    robot = ["--robot", str(patient_robot)]
    mock = subprocess.Popen(
        [*COMMAND, "mock", *robot], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        assert mock.stdout is not None
        port = json.loads(mock.stdout.readline())["port"]
        args = [*COMMAND, "collect", *robot, "--policy", "random", "--port", port]
        args += ["--exploration", "0", "--episodes", "1", "--out", str(tmp_path / "episodes")]
        child = subprocess.Popen([*args, "--seconds", "600"], cwd=ROOT, env=ENVIRONMENT)
        end = time.monotonic() + 60.0
        while not any((tmp_path / "episodes").glob("*.mcap")):
            assert time.monotonic() < end and child.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        child.kill()
        child.wait()
        time.sleep(1.5)  # longer than its watchdog
        args += ["--seconds", "1"]
        refused = subprocess.run(args, cwd=ROOT, env=ENVIRONMENT, **CAPTURED)
        again = subprocess.run([*args, "--clear-faults"], cwd=ROOT, env=ENVIRONMENT, **CAPTURED)
    finally:
        mock.terminate()
        log, _ = mock.communicate(timeout=20.0)
    assert refused.returncode == 3, refused.stderr
    assert "watchdog" in refused.stdout and "--clear-faults" in refused.stderr
    assert again.returncode == 0, again.stderr
    assert "fault WATCHDOG: drive off" in log and log.count("faults cleared") == 1


CAPTURED = {"capture_output": True, "text": True, "check": False, "stdin": subprocess.DEVNULL}
