"""Progress of long work on stderr: bars on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY_S = 10.0
Report = Callable[[str, int, int, dict[str, float]], None]
"""(phase, done, total, numbers): the callback that long work takes."""


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Show the phases of one piece of work; yields the callback."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=console) as bars:
        yield Bars(title, bars)


class Bars:
    """One bar a phase."""

    def __init__(self, title: str, bars: Progress) -> None:
        self._title, self._bars = title, bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, phase: str, done: int, total: int, numbers: dict[str, float]) -> None:
        """Show how far a phase is."""
        if phase not in self._tasks:
            self._tasks[phase] = self._bars.add_task(f"{self._title} {phase}", numbers="")
        self._bars.update(self._tasks[phase], completed=done, total=total, numbers=spell(numbers))


class Lines:
    """A line every ten seconds, and one when a phase is done."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._last_s = time.monotonic()
        self._finished: set[str] = set()

    def __call__(self, phase: str, done: int, total: int, numbers: dict[str, float]) -> None:
        """Print how far a phase is, when it is time."""
        ends = done >= total and phase not in self._finished
        if not ends and time.monotonic() - self._last_s < LINE_EVERY_S:
            return
        self._last_s = time.monotonic()
        if done >= total:
            self._finished.add(phase)
        text = f"{self._title} {phase}: {done}/{total} {spell(numbers)}".rstrip()
        print(text, file=sys.stderr, flush=True)


def print_numbers(numbers: Mapping[str, float | str]) -> None:
    """What was measured, a line each on stdout."""
    for name, value in numbers.items():
        shown = value if isinstance(value, str) else f"{value:.4g}"
        print(f"{name.replace('_', ' ')}: {shown}")


def spell(numbers: dict[str, float]) -> str:
    """Numbers for people: "success 0.92, return 180"."""
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in numbers.items())
