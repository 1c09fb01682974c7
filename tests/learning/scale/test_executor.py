"""Executors: results in order, errors that name the job, no process that outlives its parent."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robot_mbrl.contract.errors import DataError, WorkerError
from robot_mbrl.learning.scale.executor import Executor, Job, ProcessExecutor, SerialExecutor
from tests.support import jobs
from tests.support.processes import gone

ROOT = Path(__file__).parents[3]

PARENT = """
import signal
import sys
from pathlib import Path
from launch.stop_signals import signals_interrupt
from robot_mbrl.learning.scale.executor import Job, ProcessExecutor
from tests.support.jobs import hang, hang_deaf

signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
work = [Job("one", hang, (Path(sys.argv[1]),)), Job("two", hang_deaf, (Path(sys.argv[1]),))]
try:
    with signals_interrupt():
        list(ProcessExecutor(2).map(work))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_results_come_in_order_however_long_they_take() -> None:
    work = [Job(f"{x}", jobs.square, (x, 0.3 if x == 0 else 0.0)) for x in range(5)]
    found = list(ProcessExecutor(2).map(work))
    assert [y for y, _ in found] == [0, 1, 4, 9, 16]
    workers = {pid for _, pid in found}
    assert len(workers) == 2 and os.getpid() not in workers  # each does several
    assert all(gone(pid) for pid in workers)


def test_no_more_processes_than_jobs_and_none_for_no_jobs() -> None:
    assert [y for y, _ in ProcessExecutor(8).map([Job("3", jobs.square, (3,))])] == [9]
    assert list(ProcessExecutor(8).map([])) == []


def test_the_serial_executor_works_here() -> None:
    assert list(SerialExecutor().map([Job("3", jobs.square, (3,))])) == [(9, os.getpid())]


@pytest.mark.parametrize("executor", [SerialExecutor(), ProcessExecutor(1)])
def test_an_error_is_raised_here_and_names_its_job(executor: Executor) -> None:
    with pytest.raises(DataError, match="no such episode") as raised:
        list(executor.map([Job("fine", jobs.square, (1,)), Job("third of heavy", jobs.fail)]))
    assert raised.value.__notes__ == ["in job 'third of heavy'"]


def test_an_unexpected_error_brings_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        list(ProcessExecutor(1).map([Job("mine", jobs.fail_unexpectedly)]))
    assert "in fail_unexpectedly" in "".join(raised.value.__notes__)


def test_an_error_that_cannot_travel_is_told() -> None:
    with pytest.raises(WorkerError, match=r"(?s)LocalError: 1 and 2.*in job 'odd'"):
        list(ProcessExecutor(1).map([Job("odd", jobs.fail_in_a_way_that_cannot_travel)]))


@pytest.mark.parametrize(
    ("work", "how"),
    [
        (jobs.die, "was killed by SIGKILL"),
        (jobs.segfault, "was killed by SIGSEGV"),
        (jobs.leave, "left with exit code 7"),
    ],
)
def test_a_worker_that_dies_ends_the_work_and_names_the_job(
    work: Callable[[], Any], how: str
) -> None:
    work_and_more = [Job("long", jobs.hang), Job("worn, episode 3", work)]
    with pytest.raises(WorkerError, match=f"job 'worn, episode 3' was not finished.*{how}"):
        list(ProcessExecutor(2).map(work_and_more))


def test_a_worker_that_hangs_is_given_up() -> None:
    with pytest.raises(WorkerError, match="job 'stuck' took longer than 3 s"):
        list(ProcessExecutor(1, timeout_s=3.0).map([Job("stuck", jobs.hang)]))


def test_results_before_an_error_are_handed_on() -> None:
    found = []
    with pytest.raises(WorkerError):
        for y, _ in ProcessExecutor(1).map([Job("a", jobs.square, (2,)), Job("b", jobs.die)]):
            found.append(y)
    assert found == [4]


def test_who_stops_listening_leaves_no_process_behind() -> None:
    results = ProcessExecutor(2).map([Job("a", jobs.square, (2,)), Job("b", jobs.hang)])
    _, pid = next(results)
    results.close()  # type: ignore[attr-defined]
    assert gone(pid)


@pytest.mark.realtime
@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda child: child.send_signal(signal.SIGTERM), 130),
        (lambda child: os.killpg(child.pid, signal.SIGINT), 130),  # Ctrl-C on a terminal
        (lambda child: child.kill(), -signal.SIGKILL),
    ],
    ids=["SIGTERM", "Ctrl-C", "kill -9"],
)
def test_workers_end_with_their_parent_within_two_seconds(
    end: Callable[[subprocess.Popen[str]], None], code: int, tmp_path: Path
) -> None:
    """One of the two workers is deaf to SIGTERM."""
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with (
        subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True
        ) as child,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(child.kill)  # whatever fails
        deadline_s = time.monotonic() + 60.0
        while len(pids := [int(p.name) for p in tmp_path.iterdir()]) < 2:
            assert time.monotonic() < deadline_s and child.poll() is None
            time.sleep(0.02)
        end(child)
        began_s = time.monotonic()
        assert child.wait(timeout=10.0) == code
        while not all(gone(pid) for pid in pids):
            assert time.monotonic() < began_s + 10.0
            time.sleep(0.01)
        assert time.monotonic() - began_s < 2.0
        assert child.stderr is not None and child.stderr.read() == ""
