"""The other end of an executor: a process that does one job after the other until it is told to
stop, or its parent is gone.
"""

import contextlib
import copy
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from robot_mbrl.contract.errors import RobotMbrlError, WorkerError


@dataclass(frozen=True)
class Done:
    """What became of a job: its result, or the error that it raised."""

    result: Any = None
    error: Exception | None = None


def serve_jobs(connection: Connection) -> None:
    """Do the jobs (name, work, arguments) that arrive; answer each with `Done`."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError):  # the parent closed its end: nothing more to do
        while True:
            name, work, arguments = connection.recv()
            connection.send(_do(name, work, arguments))


def _end_with_parent() -> None:
    """Wait for the end of the parent, kill -9 included, and leave at once."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _do(name: str, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Done:
    try:
        return Done(work(*arguments))
    except Exception as error:
        error.add_note(f"in job {name!r}")
        if not isinstance(error, RobotMbrlError):
            error.add_note(traceback.format_exc())
        return Done(error=_portable(error))


def _portable(error: Exception) -> Exception:
    """The error itself where it can cross a pipe, its text where it cannot."""
    try:
        ForkingPickler.dumps(copy.deepcopy(error))  # rebuilt from its arguments, as by a pipe
    except Exception:
        return WorkerError("".join(traceback.format_exception(error)))
    return error
