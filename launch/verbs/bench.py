"""`robot-mbrl bench ...`: what this machine and a run are worth, each verb with a figure."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from launch.bench.train_settings import TrainBench
from launch.verb import Outcome, Verb
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import RobotMbrlError
from robot_mbrl.onboard import load_for_robot


@dataclass(frozen=True, kw_only=True)
class PlannerBench(Verb):
    """Milliseconds of one plan, and its share of the sgemm rate.

    By default two problems of fixed size, a and b, see launch/bench_cases.py: onnxruntime on one
    and two threads, torch, and pytorch_mppi at equal model rows. With --controller or --robot a
    real controller on one thread.
    """

    controller: Path | None = None
    """measure this controller.onnx"""
    robot: str | None = None
    """built-in robot or robot folder of the controller; without one, measure an untrained
    controller of the default sizes"""
    calls: int = 500
    """plans of a controller that are measured"""
    rounds: int = 20
    """measurements of each way to solve a and b; medians are reported"""
    activation: Literal["silu", "relu"] = "silu"
    """of the hidden layers in a and b"""


@dataclass(frozen=True, kw_only=True)
class SimBench(Verb):
    """Environment steps per second, against bare mj_step, gymnasium's SyncVectorEnv and PyBullet;
    memory of a world.
    """

    robot: str = "furuta"
    """built-in robot or robot folder"""
    worlds: tuple[int, ...] = (256,)
    """worlds stepped together; several numbers are measured one after the other"""
    threads: int = 0
    """of the vector environment and of mj_step; one per core by default"""
    seconds: float = 30.0
    """length of all measurements of one number of worlds"""
    rounds: int = 10
    """all are measured in turn so often; medians are reported"""


@dataclass(frozen=True, kw_only=True)
class LoopBench(Verb):
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


@dataclass(frozen=True, kw_only=True)
class TransferBench(Verb):
    """Success, return and error on each reality: zero-shot, finetuned, oracle, controls."""

    run: Path
    """pretrained run folder"""
    out: Path = Path("runs/transfer")
    """folder for everything; finished parts there are used again"""
    realities: tuple[str, ...] = ("heavy", "light", "worn")
    """realities of the run's robot"""
    episodes: int = 32
    """episodes of each deployment"""
    control_episodes: int = 32
    """episodes of each control"""
    oracle_updates: int = 30_000
    """SAC updates of an oracle"""
    seed: int = 0
    """of episodes and finetuning"""


@dataclass(frozen=True, kw_only=True)
class RandomizationBench(Verb):
    """Zero-shot success on each reality after training with no, stated and automatic ranges."""

    robot: str = "furuta"
    """built-in robot or robot folder"""
    out: Path = Path("runs/randomization")
    """folder for everything; finished parts there are used again"""
    kinds: tuple[Literal["none", "fixed", "automatic"], ...] = ("none", "fixed", "automatic")
    """what the worlds of training are; see `pretrain --randomization`"""
    realities: tuple[str, ...] = ("light", "heavy", "worn")
    """realities of the robot"""
    updates: int = 24_000
    """SAC updates of each training"""
    seeds: tuple[int, ...] = (0,)
    """trainings of each kind"""
    actors: tuple[Literal["policy", "planner"], ...] = ("policy", "planner")
    """the policy alone, and the exported controller"""
    episodes: int = 32
    """of each actor on each reality"""
    seconds: float | None = None
    """length of an episode; the task's by default"""


@dataclass(frozen=True, kw_only=True)
class StopsBench(Verb):
    """Every way to fail on the mock: does it stop, why, how soon; and false stops."""

    controller: Path
    """controller.onnx with calibrated thresholds"""
    robot: str | None = None
    """built-in robot or robot folder; the one the controller names by default"""
    reality: str = "nominal"
    """reality of the mock"""
    repetitions: int = 8
    """episodes of each case"""
    nominal_hours: float = 1.0
    """hours of operation without any failure"""


@dataclass(frozen=True, kw_only=True)
class WorldsBench(Verb):
    """A run in randomized worlds of unseen seeds: policy alone and planner."""

    run: Path
    """run folder"""
    worlds: int = 256
    """how many, one episode each"""
    actors: tuple[Literal["policy", "planner"], ...] = ("policy", "planner")
    """the policy alone, and the exported controller"""
    controller: Path | None = None
    """a controller exported from the run; without one, it is exported with the usual settings"""
    seed: int = 0
    """of the worlds"""


@dataclass(frozen=True, kw_only=True)
class RealLogBench(Verb):
    """Predict 0.5 s of measured runs of a real pendulum that no model has seen: nominal simulation,
    pretrained ensemble, ensemble from scratch, finetuned ensemble. Three CPU minutes a seed.
    """

    logs: Path = Path("tests/data/realaigym_simple_pendulum")
    """folder with the measured runs, RUN.measured.csv and RUN.desired.csv"""
    robot: str = "simple_pendulum"
    """built-in robot or robot folder"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """trainings, each with other weights, worlds and held-out stretches"""


@dataclass(frozen=True, kw_only=True)
class LearnBench(Verb):
    """MBPO, PETS or a model-free peer from scratch: return by environment steps and CPU time."""

    env: str = "Pendulum-v1"
    """Pendulum-v1, InvertedPendulum-v5, CartPoleSwingUp-v0, or the robot furuta (one machine)"""
    agent: Literal["mbpo", "pets", "sac"] = "mbpo"
    """what learns: policy and model, a planner on the model alone, or stable-baselines3's SAC"""
    learned_reward: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """learn reward and termination as well, instead of being told"""
    steps: int | None = None
    """environment steps of a run; what the setting says by default"""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """one run each"""
    episodes: int = 100
    """start states of the last evaluation, the same for every run; a fifth of them before"""
    evaluate_every: int | None = None
    """environment steps between evaluations; what the setting says by default"""
    out: Path | None = None
    """JSON file for the curves; with it a killed run goes on with the same command"""


@dataclass(frozen=True, kw_only=True)
class AblateBench(Verb):
    """What each part of MBPO is worth: one thing changed at a time, from scratch. Hours."""

    env: str = "Pendulum-v1"
    """an environment for which `bench learn` has settings of MBPO"""
    steps: int = 1000
    """environment steps of each run"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """runs of each"""
    episodes: int = 100
    """start states of the last evaluation, the same for every run; a fifth of them before"""
    only: tuple[str, ...] = ()
    """names of ablations; all by default"""
    out: Path = Path("runs/ablations.json")
    """JSON file; what is in it already is not repeated"""


@dataclass(frozen=True, kw_only=True)
class CurvesBench(Verb):
    """Draw what `bench learn --out` wrote: by environment steps and by CPU time."""

    runs: tuple[Path, ...]
    """JSON files of one environment, one an agent"""
    measure: Literal["return", "least", "success"] = "return"
    """mean return over start states, the least of them, or a robot's success"""
    out: Path = Path("runs/curves.svg")
    """the figure"""


Settings = (
    Annotated[CurvesBench, tyro.conf.subcommand(name="curves")]
    | Annotated[AblateBench, tyro.conf.subcommand(name="ablate")]
    | Annotated[LearnBench, tyro.conf.subcommand(name="learn")]
    | Annotated[WorldsBench, tyro.conf.subcommand(name="worlds")]
    | Annotated[StopsBench, tyro.conf.subcommand(name="stops")]
    | Annotated[TransferBench, tyro.conf.subcommand(name="transfer")]
    | Annotated[RandomizationBench, tyro.conf.subcommand(name="randomization")]
    | Annotated[PlannerBench, tyro.conf.subcommand(name="planner")]
    | Annotated[TrainBench, tyro.conf.subcommand(name="train")]
    | Annotated[SimBench, tyro.conf.subcommand(name="sim")]
    | Annotated[LoopBench, tyro.conf.subcommand(name="loop")]
    | Annotated[RealLogBench, tyro.conf.subcommand(name="real-log")]
)


def run(settings: Settings) -> Outcome:
    """Run one of them."""
    if isinstance(settings, LoopBench):
        return bench_loop(settings)
    try:
        if isinstance(settings, PlannerBench):
            return bench_planner(settings)
        if isinstance(settings, TrainBench):
            return print_speed(bench_train(settings))
        if isinstance(settings, SimBench):
            return bench_sim(settings)
        return Outcome(BENCHES[type(settings)](settings))
    except ModuleNotFoundError as error:
        raise RobotMbrlError(
            f"this bench needs the training packages: {error}; pip install 'robot-mbrl[train]'"
        ) from error


def print_speed(result: dict[str, float]) -> Outcome:
    """The numbers of planner, simulator or learning, a line each."""
    for name, value in result.items():
        print(f"{name.replace('_', ' ')}: {value:.4g}")
    return Outcome(result)


def bench_loop(settings: LoopBench) -> Outcome:
    """The control loop in real time."""
    from launch.bench.loop import measure_loop  # needs no training packages

    return measure_loop(settings)


def bench_real_log(settings: RealLogBench) -> dict[str, Any]:
    """Four models predict measured runs."""
    from launch.studies.real_log import run_real_log  # needs torch and mujoco

    return run_real_log(settings.robot, settings.logs, settings.seeds)


def bench_worlds(settings: WorldsBench) -> dict[str, Any]:
    """Policy and planner in unseen worlds."""
    from launch.studies.worlds import measure_worlds  # needs torch and mujoco

    return measure_worlds(settings)


def bench_stops(settings: StopsBench) -> dict[str, Any]:
    """Every way to fail, and nominal hours."""
    from launch.bench.stops import measure_stops  # needs mujoco

    return measure_stops(settings)


def bench_transfer(settings: TransferBench) -> dict[str, Any]:
    """Zero-shot, finetuned, oracle and controls on every reality."""
    from launch.studies.transfer import measure_transfer  # needs torch

    return measure_transfer(settings)


def bench_randomization(settings: RandomizationBench) -> dict[str, Any]:
    """No, stated and automatic ranges."""
    from launch.studies.randomization import measure_randomization  # needs torch

    return measure_randomization(settings)


def bench_planner(settings: PlannerBench) -> Outcome:
    """Milliseconds per plan: of a and b, of the given controller, or of an untrained one."""
    if settings.controller is None and settings.robot is None:
        from launch.bench.planner_cases import measure_cases  # needs torch

        return print_cases(measure_cases(settings.rounds, settings.activation))
    from launch.bench.planner import export_untrained, measure_planner  # needs torch

    with tempfile.TemporaryDirectory() as folder:
        path = settings.controller or Path(folder) / "controller.onnx"
        if settings.controller is None and settings.robot is not None:
            export_untrained(load_robot(settings.robot), path)
        spec, controller = load_for_robot(path, settings.robot, seed=0)
        times = measure_planner(path, controller, spec, calls=settings.calls)
    return print_speed(asdict(times))


def print_cases(cases: dict[str, dict[str, Any]]) -> Outcome:
    """A table with a column for each case."""
    table = Table("", *cases)
    for name in next(iter(cases.values())):
        values = [c[name] for c in cases.values()]
        shown = [v if isinstance(v, str) else f"{v:.4g}" for v in values]
        table.add_row(name.replace("_", " "), *shown)
    Console().print(table)
    return Outcome(cases)


def bench_train(settings: TrainBench) -> dict[str, float]:
    """Rates of learning and imagination."""
    from launch.bench.train import measure_training  # needs torch and stable-baselines3

    return asdict(measure_training(settings))


def bench_sim(settings: SimBench) -> Outcome:
    """Environment steps per second, four ways, for each number of worlds."""
    from launch.bench.sim import measure_sim  # needs mujoco

    found = []
    for worlds in settings.worlds:
        rates = measure_sim(
            settings.robot,
            worlds,
            seconds=settings.seconds,
            rounds=settings.rounds,
            threads=settings.threads,
        )
        found.append(asdict(rates))
        print_speed(found[-1])
    return Outcome({"rates": found})


def bench_learn(settings: LearnBench) -> dict[str, Any]:
    """MBPO from scratch."""
    from launch.studies.learn import measure_learning  # needs torch

    return measure_learning(settings)


def bench_curves(settings: CurvesBench) -> dict[str, Any]:
    """One figure of several results."""
    from launch.studies.curves import draw_results  # needs matplotlib

    return draw_results(settings)


def bench_ablate(settings: AblateBench) -> dict[str, Any]:
    """MBPO with one thing changed at a time."""
    from launch.studies.ablate import measure_ablations  # needs torch

    return measure_ablations(settings)


BENCHES: dict[type, Callable[[Any], dict[str, Any]]] = {
    AblateBench: bench_ablate,
    CurvesBench: bench_curves,
    LearnBench: bench_learn,
    RandomizationBench: bench_randomization,
    RealLogBench: bench_real_log,
    StopsBench: bench_stops,
    TransferBench: bench_transfer,
    WorldsBench: bench_worlds,
}
