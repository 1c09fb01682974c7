"""Jobs in processes of their own: the ONE place where worker processes are made.

Workers are spawned, never forked: a copy of a process in which physics engine, torch and
onnxruntime have threads waits for locks that nobody holds. They end with their parent, whatever
ends it, and what goes wrong in one of them ends the whole work with an error that names the job.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any, Generic, Protocol, TypeVar

from robot_mbrl.contract.errors import WorkerError
from robot_mbrl.contract.main_guard import HOW_TO_GUARD, NO_MAIN_GUARD, start_guarded
from robot_mbrl.learning.scale.worker import Done, serve_jobs

R = TypeVar("R")
GRACE_S = 0.5  # for a worker to obey SIGTERM, before it is killed
LEAVE_S = 5.0  # for a worker without work to leave by itself


@dataclass(frozen=True)
class Job(Generic[R]):
    """A call to make elsewhere.

    Attributes:
        name: what an error calls it.
        work: a function that another process can import: of a module, not of a notebook.
        arguments: what it is called with; they travel by pickle, as does the result.
    """

    name: str
    work: Callable[..., R]
    arguments: tuple[Any, ...] = ()


class Executor(Protocol):
    """Does jobs, here or elsewhere."""

    def map(self, jobs: Sequence[Job[R]]) -> Iterator[R]:
        """Results in the order of the jobs, each as soon as it and those before it are known.

        An error that a job raises is raised here, with a note that names the job; jobs in progress
        are given up.
        """


class SerialExecutor:
    """Does one job after the other in this process."""

    def map(self, jobs: Sequence[Job[R]]) -> Iterator[R]:
        """See `Executor.map`."""
        for job in jobs:
            try:
                yield job.work(*job.arguments)
            except Exception as error:
                error.add_note(f"in job {job.name!r}")
                raise


class ProcessExecutor:
    """Does jobs in spawned processes, each of which takes the next job when it has done one.

    Args:
        processes: how many at a time; 0 takes one per core.
        timeout_s: the longest that a job may take, the start of its process included; None waits
            for ever.
    """

    def __init__(self, processes: int = 0, timeout_s: float | None = None) -> None:
        self.processes = processes or os.cpu_count() or 1
        self.timeout_s = timeout_s

    def map(self, jobs: Sequence[Job[R]]) -> Iterator[R]:
        """See `Executor.map`. Raises WorkerError for a worker that dies or takes too long."""
        workers: list[_Worker] = []
        waiting, done = list(enumerate(jobs))[::-1], dict[int, R]()
        try:
            for _ in range(min(self.processes, len(jobs))):
                workers.append(_Worker(self.timeout_s))
                workers[-1].begin(*waiting.pop())
            for index in range(len(jobs)):
                while index not in done:
                    for worker in _ready(workers):
                        done[worker.index] = worker.result()
                        if waiting:
                            worker.begin(*waiting.pop())
                yield done.pop(index)
            for worker in workers:
                worker.leave()
        finally:
            _end(workers)


class _Worker:
    """One process and the job that it has."""

    def __init__(self, timeout_s: float | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve_jobs, args=(other,), daemon=True)
        self.job: Job[Any] | None = None
        self.index = -1
        self.deadline_s = float("inf")
        self._timeout_s = float("inf") if timeout_s is None else timeout_s
        with _without_ctrl_c():
            start_guarded(self.process)
        other.close()

    def begin(self, index: int, job: Job[Any]) -> None:
        """Hand over a job."""
        self.index, self.job = index, job
        self.deadline_s = time.monotonic() + self._timeout_s
        try:
            self.connection.send((job.name, job.work, job.arguments))
        except OSError as error:
            raise self._died() from error

    def result(self) -> Any:
        """What the job came to; raises its error, or WorkerError where there is no answer."""
        if not self.connection.poll():
            if self.deadline_s <= time.monotonic():
                raise WorkerError(
                    f"job {self._name!r} took longer than {self._timeout_s:g} s and was given up"
                )
            raise self._died()
        try:
            done: Done = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._died() from error
        self.job, self.deadline_s = None, float("inf")
        if done.error is not None:
            raise done.error
        return done.result

    def leave(self) -> None:
        """Ask the process to end: there is no more work."""
        self.connection.close()
        self.process.join(LEAVE_S)

    @property
    def _name(self) -> str:
        return self.job.name if self.job else ""

    def _died(self) -> WorkerError:
        self.process.join(GRACE_S)
        code = self.process.exitcode
        if code == NO_MAIN_GUARD:
            return WorkerError(f"job {self._name!r} found no process to do it: {HOW_TO_GUARD}")
        how = f"left with exit code {code}"
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        return WorkerError(
            f"job {self._name!r} was not finished: its process {how}. What it printed "
            "stands above; a kill without a word is often the system's: use fewer processes"
        )


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Wait for those that have answered, died or run out of time."""
    busy = [w for w in workers if w.job is not None]
    soonest = min(w.deadline_s for w in busy) - time.monotonic()
    seen = wait(
        [x for w in busy for x in (w.connection, w.process.sentinel)],
        None if soonest == float("inf") else max(0.0, soonest),
    )
    late = time.monotonic()
    return [
        w
        for w in busy
        if w.connection in seen or w.process.sentinel in seen or w.deadline_s <= late
    ]


def _end(workers: Sequence[_Worker]) -> None:
    """No process is left: asked first, then killed."""
    for worker in workers:
        worker.process.terminate()
    end_s = time.monotonic() + GRACE_S
    for worker in workers:
        worker.process.join(max(0.0, end_s - time.monotonic()))
        worker.process.kill()
        worker.process.join()
        worker.connection.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes started within never see the terminal's Ctrl-C: the parent does, and ends them."""
    resource_tracker.ensure_running()  # it sets the mask itself
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
