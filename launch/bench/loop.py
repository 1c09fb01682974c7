"""`robot-mbrl bench loop`: how punctual the real-time loop is, and this machine without it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from hardware.clock import RealClock
from launch.operator_stop import OperatorStop, open_session
from launch.verb import OK, SAFETY_STOP, Outcome, Verb
from robot_mbrl.contract.errors import LinkError
from robot_mbrl.contract.interface import Clock
from robot_mbrl.onboard import EpisodePlan, LoopReport, load_for_robot, run_episodes
from robot_mbrl.onboard.loop_report import Histogram
from robot_mbrl.onboard.realtime import realtime_priority

EMPTY_RATE_HZ, EMPTY_S = 1000.0, 10.0
BURN = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    sum(range(1_000_000))
"""


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """The real-time control loop with recording: missed deadlines, lateness and plan time.

    An empty loop comes first: a machine that is late in that cannot be punctual with a controller.
    Without --port a mock robot is started in a process of its own on a pseudo-serial port. Exit
    code 3 when the supervisor stopped the loop before the time was over.
    """

    controller: Path
    """controller.onnx"""
    port: str | None = None
    """device path or pyserial URL; a mock of its own by default"""
    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    reality: str | None = None
    """reality of the mock"""
    seconds: float = 60.0
    """how long"""
    busy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """keep one more core busy with a child process meanwhile"""


def run(settings: Settings) -> Outcome:
    """Run the loop for a while and print how punctual it was, beside an empty loop."""
    with (
        OperatorStop() as stop,
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        spec, controller = load_for_robot(settings.controller, settings.robot, seed=0)
        port = settings.port or stack.enter_context(
            spawned_mock(str(spec.folder), settings.reality)
        )
        if settings.busy:
            stack.enter_context(busy_core())
        empty = measure_empty_loop(RealClock(), EMPTY_RATE_HZ, EMPTY_S)
        print_times("empty loop", empty)
        session = stack.enter_context(open_session(spec, port, stop))
        length = session.ticks(settings.seconds)
        plan = EpisodePlan(length, Path(folder), "deploy", monitor="off")
        report = run_episodes(session, controller, plan, 1)
    if not report.results:
        return Outcome({"stop_reason": "operator"})
    loop = report.results[0].report
    print_timing(loop, length)
    whole = loop.ticks + loop.skipped_periods >= length or report.interrupted
    result = timing(loop) | {"empty_lateness_ms": asdict(empty), "busy": settings.busy}
    return Outcome(result, OK if whole else SAFETY_STOP)


def measure_empty_loop(clock: Clock, rate_hz: float, seconds: float) -> Histogram:
    """Lateness of a loop that does nothing, as cyclictest measures it.

    What is late here is the machine: its scheduler, its interrupts, or the host of a virtual one.
    No controller can be more punctual.
    """
    with realtime_priority():
        start = clock.now()
        count = round(seconds * rate_hz)
        late = [clock.wait_until(start + (k + 1) / rate_hz) for k in range(count)]
    return Histogram.of(late)


def timing(loop: LoopReport) -> dict[str, Any]:
    """The numbers of a loop."""
    return {
        "ticks": loop.ticks,
        "stop_reason": loop.stop_reason.value,
        "missed_deadlines": loop.missed_deadlines,
        "skipped_periods": loop.skipped_periods,
        "lateness_ms": asdict(loop.lateness_ms),
        "plan_ms": asdict(loop.plan_ms),
        "round_trip_ms": asdict(loop.round_trip_ms),
    }


def print_timing(loop: LoopReport, wanted: int) -> None:
    """The numbers of a loop, for people."""
    print(f"{loop.ticks} of {wanted} ticks, {loop.stop_reason.value}: {loop.message}")
    print(f"missed deadlines {loop.missed_deadlines}, skipped periods {loop.skipped_periods}")
    for name in ("lateness", "plan", "round_trip"):
        print_times(name.replace("_", " "), getattr(loop, name + "_ms"))


def print_times(label: str, h: Histogram) -> None:
    """A line of quantiles."""
    print(f"{label:<11}p50 {h.p50:.3f}  p99 {h.p99:.3f}  p99.9 {h.p999:.3f}  max {h.max:.3f} ms")


@contextlib.contextmanager
def spawned_mock(robot: str, reality: str | None) -> Iterator[str]:
    """`robot-mbrl mock` in a process of its own; yields its port."""
    command = [sys.executable, "-m", "launch.main", "mock", "--robot", robot]
    command += ["--reality", reality] if reality else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise LinkError("the mock did not start; its message stands above")
            yield json.loads(line)["port"]
        finally:
            process.terminate()
            process.communicate()


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    """A child process that computes without pause, and ends with this one."""
    with subprocess.Popen([sys.executable, "-c", BURN, str(os.getpid())]) as child:
        try:
            yield
        finally:
            child.terminate()
