"""Work that tests of executors hand to other processes."""

import os
import signal
import time
from pathlib import Path

from robot_mbrl.contract.errors import DataError


class LocalError(Exception):
    """Cannot be made again from its message alone."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def square(x: int, wait_s: float = 0.0) -> tuple[int, int]:
    """x * x and who computed it."""
    time.sleep(wait_s)
    return x * x, os.getpid()


def die() -> None:
    """As by the system that is short of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def segfault() -> None:
    """As by a broken C extension."""
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    """Without an answer."""
    os._exit(7)


def hang(folder: Path | None = None) -> None:
    """For ever, once its process id stands in the folder."""
    if folder is not None:
        (folder / str(os.getpid())).touch()
    while True:
        time.sleep(60.0)


def hang_deaf(folder: Path) -> None:
    """As `hang`, and SIGTERM does nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang(folder)


def fail() -> None:
    """An error of the project."""
    raise DataError("no such episode")


def fail_unexpectedly() -> None:
    """A mistake in the program."""
    raise ZeroDivisionError("of nothing")


def fail_in_a_way_that_cannot_travel() -> None:
    """Its class takes other arguments than its message."""
    raise LocalError(1, 2)
