"""What people see: progress of long work, a line while a robot runs, rows about its episodes.

Progress and the line go to stderr: bars on a terminal, a line every ten seconds elsewhere.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

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
from rich.table import Table

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.description.calibration import describe_offsets
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.onboard import EpisodeResult, EpisodesReport
from robot_mbrl.onboard.session import EpisodeView

LIVE_EVERY_S = 0.25
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
        text = format_numbers(numbers)
        self._bars.update(self._tasks[phase], completed=done, total=total, numbers=text)


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
        text = f"{self._title} {phase}: {done}/{total} {format_numbers(numbers)}".rstrip()
        print(text, file=sys.stderr, flush=True)


def format_numbers(numbers: dict[str, float]) -> str:
    """Numbers for people: "success 0.92, return 180"."""
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in numbers.items())


def print_numbers(numbers: Mapping[str, float | str]) -> None:
    """What was measured, a line each on stdout."""
    for name, value in numbers.items():
        shown = value if isinstance(value, str) else f"{value:.4g}"
        print(f"{name.replace('_', ' ')}: {shown}")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose first column names the rows."""
    table = Table(*head)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*row)
    Console().print(table)


class LiveLine:
    """Redraws a line four times a second from a thread of its own; nothing without a terminal.

    The loop's thread never prints: a terminal that blocks must not make a tick late.
    """

    def __init__(self, episode: EpisodeView) -> None:
        self._episode = episode
        self._layout = ObservationLayout.from_spec(episode.safe.spec)
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._thread = threading.Thread(target=self._draw_until_end, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw_until_end(self) -> None:
        while not self._end.wait(LIVE_EVERY_S):
            sys.stderr.write("\r\x1b[K" + self.text())
            sys.stderr.flush()

    def text(self) -> str:
        """The line: time, state of the supervisor, measurements, action."""
        episode, dt = self._episode, self._layout.dt
        time_s = f"{episode.controller.ticks * dt:5.1f} of {episode.ticks * dt:.1f} s"
        parts = [episode.title, time_s, episode.safe.state.value]
        if episode.controller.last is not None:
            observation, output = episode.controller.last
            names = self._layout.block
            values = zip(names, observation[: len(names)], strict=True)
            parts += [f"{name} {value:+.2f}" for name, value in values]
            parts.append("action " + " ".join(f"{a:+.2f}" for a in output.action))
        return " | ".join(parts)


def print_episode(result: EpisodeResult, number: int, count: int) -> None:
    """One line on stdout."""
    report, score = result.report, result.score
    verdict = "success" if score.success else "no success"
    timing = (
        f"late p99 {report.lateness_ms.p99:.2f} max {report.lateness_ms.max:.2f} ms, "
        f"plan p99 {report.plan_ms.p99:.1f} ms, {report.missed_deadlines} missed"
    )
    if report.counts["clock"]:
        timing += f", the device's clock corrected {report.counts['clock']} times"
    alarm = f", alarm {result.alarm}" if result.alarm else ""
    print(
        f"episode {number}/{count}: {verdict}, return {score.returns:.1f}, "
        f"{report.ticks} ticks, {report.stop_reason.value}{alarm}; {timing}; {result.path}",
        flush=True,
    )


def print_calibration(spec: RobotSpec, file: Path | None) -> None:
    """Which joint offsets are in force, and where they come from."""
    if not spec.calibration:
        print("no calibration: joint angles are what the encoders show")
        return
    print(f"calibration of {file or 'the controller'}: joint offsets {describe_offsets(spec)}")


def print_end(report: EpisodesReport, robot: str) -> None:
    """Why a row of episodes ended, and what to do where it was a safety stop."""
    if report.interrupted:
        print(f"robot {robot!r}: stopped by the operator. {report.drive.sentence}")
    elif report.stop is not None:
        end = report.stop.report
        print(f"robot {robot!r}: SAFETY STOP {end.stop_reason.value}: {end.message}")
        print(f"  {end.stop_reason.sentence}")
        print(f"  {report.drive.sentence}")
        latched = end.stop_reason in (StopReason.WATCHDOG, StopReason.DEVICE_FAULT)
        again = "start again with --clear-faults" if latched else "start again"
        print(f"  Find the cause, then {again}; nothing resets by itself.")
    else:
        done = f"{report.success:.0%} of {len(report.results)} episodes succeeded"
        unknown = "" if report.drive.confirmed_off else f". {report.drive.sentence}"
        print(f"robot {robot!r}: {done}{unknown}")
