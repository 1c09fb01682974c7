"""`robot-mbrl bench planner | sim | loop | real-log`: speed, punctuality, prediction."""

import contextlib
import importlib
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.deploy import load, ticks
from launch.episodes import run_episodes
from launch.operator_stop import OperatorStop
from launch.session import EpisodePlan, Session
from launch.verb import OK, SAFETY_STOP, Outcome, Verb
from robot_mbrl.contract.errors import LinkError, RobotMbrlError
from robot_mbrl.onboard import LoopReport


@dataclass(frozen=True, kw_only=True)
class PlannerBench(Verb):
    """Milliseconds of one planning step on one thread, and its share of the sgemm rate."""

    controller: Path
    """controller.onnx"""
    calls: int = 500
    """planning steps measured"""


@dataclass(frozen=True, kw_only=True)
class SimBench(Verb):
    """Environment steps per second, against bare mj_step and against gymnasium's SyncVectorEnv."""

    robot: str = "furuta"
    """built-in robot or robot folder"""
    num_envs: int = 256
    """worlds stepped together"""
    seconds: float = 5.0
    """length of each measurement"""


@dataclass(frozen=True, kw_only=True)
class LoopBench(Verb):
    """The real-time control loop with recording: missed deadlines, lateness and plan time.

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


@dataclass(frozen=True, kw_only=True)
class RealLogBench(Verb):
    """Predict 0.5 s of measured runs of a real pendulum that no model has seen: nominal simulation,
    pretrained ensemble, ensemble from scratch, finetuned ensemble. Two to three minutes a seed.
    """

    logs: Path = Path("tests/data/realaigym_simple_pendulum")
    """folder with the measured runs, RUN.measured.csv and RUN.desired.csv"""
    robot: str = "simple_pendulum"
    """built-in robot or robot folder"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """trainings, each with other weights, worlds and held-out stretches"""


Settings = (
    Annotated[PlannerBench, tyro.conf.subcommand(name="planner")]
    | Annotated[SimBench, tyro.conf.subcommand(name="sim")]
    | Annotated[LoopBench, tyro.conf.subcommand(name="loop")]
    | Annotated[RealLogBench, tyro.conf.subcommand(name="real-log")]
)


def run(settings: PlannerBench | SimBench | LoopBench | RealLogBench) -> Outcome:
    """Run one of them."""
    if isinstance(settings, RealLogBench):
        report = importlib.import_module("launch.real_log_table").run_real_log
        return Outcome(report(settings.robot, settings.logs, settings.seeds))
    if isinstance(settings, LoopBench):
        return bench_loop(settings)
    if isinstance(settings, PlannerBench):
        result = _measure("bench_planner", settings.controller, settings.calls)
    else:
        result = _measure("bench_sim", settings.robot, settings.num_envs, settings.seconds)
    for name, value in result.items():
        print(f"{name.replace('_', ' ')}: {value:.4g}")
    return Outcome(result)


def _measure(name: str, *arguments: Any) -> dict[str, float]:
    """Call `launch.measure.<name>`, which needs the training packages that the loop does not."""
    try:
        module = importlib.import_module("launch.measure")
    except ModuleNotFoundError as error:
        raise RobotMbrlError(f"{name} is not available here: {error}") from error
    measured: dict[str, float] = getattr(module, name)(*arguments)
    return measured


def bench_loop(settings: LoopBench) -> Outcome:
    """Run the loop for a while and print how punctual it was."""
    with (
        OperatorStop() as stop,
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        spec, controller = load(settings.controller, settings.robot, 0)
        port = settings.port or stack.enter_context(
            spawned_mock(str(spec.folder), settings.reality)
        )
        if settings.busy:
            stack.enter_context(busy_core())
        session = stack.enter_context(Session(spec, port, stop))
        length = ticks(settings.seconds, session.task.episode_s, spec)
        plan = EpisodePlan(length, Path(folder), "deploy", monitor="off")
        report = run_episodes(session, controller, plan, 1, tell=lambda *_: None)
    if not report.results:
        return Outcome({"stop_reason": "operator"})
    loop = report.results[0].report
    print_timing(loop, length)
    whole = loop.ticks + loop.skipped_periods >= length or report.interrupted
    return Outcome(timing(loop) | {"busy": settings.busy}, OK if whole else SAFETY_STOP)


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
        h = getattr(loop, name + "_ms")
        label = name.replace("_", " ")
        print(
            f"{label:<11}p50 {h.p50:.3f}  p99 {h.p99:.3f}  p99.9 {h.p999:.3f}  max {h.max:.3f} ms"
        )


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
    """A child process that computes without pause."""
    child = multiprocessing.get_context("spawn").Process(target=_burn, daemon=True)
    child.start()
    try:
        yield
    finally:
        child.terminate()
        child.join()


def _burn() -> None:
    while True:
        sum(range(10_000))
