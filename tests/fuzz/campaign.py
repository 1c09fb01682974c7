"""Many broken files of one kind in one process, which is measured: `campaign.py KIND COUNT`."""

import json
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from robot_mbrl.contract.errors import RobotMbrlError
from tests.fuzz.kinds import KINDS
from tests.fuzz.mutations import broken

MOST_S = 20
"""Seconds that a file may take to be refused; a busy machine is slow."""


class HangError(BaseException):
    """A file that is read for ever."""


@contextmanager
def limited_time(seconds: int = MOST_S) -> Iterator[None]:
    """Within, whatever takes longer raises HangError."""

    def end(number: int, frame: FrameType | None) -> None:
        raise HangError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def failures(kind: str, seeds: range) -> Iterator[str]:
    """What is raised that is no message for people, with the seed that makes the file again."""
    with tempfile.TemporaryDirectory() as scratch:
        good = Path(scratch) / "good"
        good.mkdir()
        name = KINDS[kind].prepare(good).relative_to(good)
        for seed in seeds:
            folder = Path(shutil.copytree(good, Path(scratch) / "broken"))
            path = folder / name
            path.write_bytes(broken(path.read_bytes(), KINDS[kind].ways, seed))
            try:
                with limited_time(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # numbers that overflow
                    KINDS[kind].read(path)
            except RobotMbrlError:
                pass
            except (Exception, HangError):
                yield f"{kind} {seed}: {traceback.format_exc(limit=-4)}"
            shutil.rmtree(folder)


def limit_memory() -> None:
    """From now on this process gets a gigabyte more and no more: a file that asks for it fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(kind: str, count: int) -> None:
    """Print what failed and the memory that it took, as JSON."""
    limit_memory()
    found = list(failures(kind, range(count)))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"failures": found, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
