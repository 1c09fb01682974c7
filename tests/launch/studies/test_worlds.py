"""`bench worlds` measures the actors that are asked for, and no others; and it can be stopped."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launch.main import main
from launch.studies.worlds import Settings, measure_worlds
from tests.support.processes import gone

ROOT = Path(__file__).parents[3]
TINY = [
    *("--updates", "8", "--num-envs", "8", "--warmup-steps", "800"),
    *("--fit.steps", "5", "--alarm-worlds", "2", "--evaluation-worlds", "2"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned nothing."""
    run = tmp_path_factory.mktemp("worlds") / "run"
    assert main(["pretrain", "--out", str(run), *TINY]) in (0, 4)  # 4: it learned nothing
    return run


@pytest.mark.slow
def test_only_the_actors_asked_for_and_repeatable(run: Path, tmp_path: Path) -> None:
    alone = measure_worlds(Settings(run=run, worlds=4, actors=("policy",)))
    both = measure_worlds(Settings(run=run, worlds=4))
    assert set(alone) == {"policy", "worlds"}
    assert set(both) == {"policy", "planner", "worlds"}
    assert alone["policy"] == both["policy"]  # the same worlds
    other = measure_worlds(Settings(run=run, worlds=4, actors=("policy",), seed=7))
    assert other["policy"] != alone["policy"]
    wide = tmp_path / "wide.onnx"
    assert main(["export", "--run", str(run), "--out", str(wide), "--cem.sigma", "0.5"]) == 0
    planned = measure_worlds(Settings(run=run, worlds=4, actors=("planner",), controller=wide))
    assert planned["planner"] != both["planner"]


def children_of(pid: int) -> list[int]:
    """Process ids."""
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.realtime
def test_sigterm_ends_it_and_its_workers_within_two_seconds(run: Path) -> None:
    """It has torch and the simulator loaded, its workers are busy."""
    args = ["--run", str(run), "--worlds", "2000", "--actors", "planner", "--json"]
    command = [sys.executable, "-m", "launch.main", "bench", "worlds", *args]
    with (
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(child.kill)  # whatever fails
        until_s = time.monotonic() + 60.0
        while len(children_of(child.pid)) < 3:  # two workers, and what multiprocessing tracks
            assert time.monotonic() < until_s and child.poll() is None
            time.sleep(0.05)
        time.sleep(5.0)
        workers = children_of(child.pid)
        began_s = time.monotonic()
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=30.0) == 143
        while not all(gone(pid) for pid in workers):
            assert time.monotonic() - began_s < 2.0
            time.sleep(0.01)
        assert time.monotonic() - began_s < 2.0
        out, err = child.communicate()
        assert "stopped by SIGTERM" in err
        assert not out or "error" not in json.loads(out.splitlines()[-1])
