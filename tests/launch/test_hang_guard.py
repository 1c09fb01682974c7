"""A controller that hangs in compiled code is left by a second Ctrl-C, and the robot is stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANGS = """
import hashlib, sys
from launch.main import main
from robot_mbrl.onboard import OnnxController
from robot_mbrl.onboard.supervisor.latched_robot import LatchedRobot

act, ticks = OnnxController.act, []

def hang(self, observation):
    ticks.append(1)
    if len(ticks) == 5:
        print("hangs", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)  # half an hour in C
    return act(self, observation)

stop = LatchedRobot.stop

def say(self, reason, message=""):
    stop(self, reason, message)
    print(f"robot stopped: {message}", flush=True)

OnnxController.act, LatchedRobot.stop = hang, say
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_hanging_controller_is_left(
    tmp_path: Path, controller: Path, number: signal.Signals
) -> None:
    args = ["--controller", str(controller), "--port", "mock", "--record", str(tmp_path / "e")]
    child = subprocess.Popen(
        [sys.executable, "-c", HANGS, "deploy", *args],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        while child.stdout.readline().strip() != "hangs":
            assert child.poll() is None
        child.send_signal(number)
        time.sleep(0.5)
        assert child.poll() is None  # the first is a request, obeyed after the tick
        child.send_signal(number)
        out, err = child.communicate(timeout=10)
    finally:
        child.kill()
    assert child.returncode == 1
    assert "does not come back" in err and "robot stopped" in out
