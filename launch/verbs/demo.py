"""`robot-mbrl demo`: the whole path on the mock robot; each step is what its verb does."""

import datetime
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from calibration.resimulate import resimulator
from launch.operator_stop import OperatorStop
from launch.terminal import print_table, progress
from launch.verb import ERROR, OK, Outcome, Verb, plain
from launch.verbs import collect as collecting
from launch.verbs import deploy as deploying
from launch.verbs import sim2sim
from launch.verbs.finetune import print_verdict
from launch.verbs.pretrain import pretrain_here
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.data import load_episodes
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.export.graph import ControllerConfig
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.procedure import finetune_run
from robot_mbrl.learning.gate import GateConfig
from robot_mbrl.learning.pretrain import PretrainConfig
from robot_mbrl.onboard import EpisodesReport, load_for_robot
from robot_mbrl.report.run_report import write_report
from robot_mbrl.report.stages import Stage, measure_stages, stage_table
from robot_mbrl.runs.run_folder import RunFolder
from sim.bullet_engine.import_pybullet import import_pybullet
from sim.worlds import Backend

FINISHED = "demo.json"
PRETRAINED = "pretrained"
ZERO_SHOT_FILE = "zero-shot.onnx"
ZERO_SHOT, FINETUNED = "zero-shot", "finetuned"


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """The whole path on the mock robot, whose true parameters the simulator does not know.

    Pretrain, export, evaluate in the other engine, deploy zero-shot; twice: collect, finetune,
    export, deploy again. Ends with a table, and exit code 0 only if the finetuned controller does
    its task; 4 if the other engine rejects the pretrained one, and then no device is opened.
    """

    out: Path = Path("runs/demo")
    """folder for everything; an interrupted pretraining there goes on, older results move aside"""
    robot: str = "furuta"
    """built-in robot or robot folder"""
    port: str = "mock:light"
    """the robot to deploy on; an in-process mock by default"""
    gate: float = 0.7
    """share of worlds of the other engine in which the pretrained controller must succeed before
    the device is opened; 0 opens it in any case"""
    gate_worlds: int = 10
    """how many of them"""
    evaluate: int = 8
    """episodes of each deployment; half as many between two rounds"""
    collect: tuple[int, ...] = (4, 2)
    """episodes to learn from in each round: short ones first, when little works"""
    seconds: float = 10.0
    """seconds of them in each round, together"""
    exploration: float = 0.2
    """standard deviation of the noise while collecting"""
    required: float = 0.875
    """share of episodes in which the finetuned controller must succeed"""
    pretraining: PretrainConfig = field(default_factory=PretrainConfig)
    """settings of the pretraining"""
    finetuning: Annotated[FinetuneConfig, tyro.conf.arg(name="finetuning")] = field(
        default_factory=FinetuneConfig
    )
    """settings of the finetuning"""
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    """settings of the exported planner"""


def run(settings: Settings) -> Outcome:
    """Run the demo."""
    start = time.monotonic()
    make_room(settings.out)
    gate = prepare(settings)
    if gate.exit_code != OK:
        print(f"{settings.port} stays closed; longer pretraining (--pretraining.updates) may help")
        return gate
    stages = run_stages(settings)
    rows = measure_stages(stages)
    print_stages(rows)
    seconds = time.monotonic() - start
    good = rows[-1]["success"] >= settings.required
    result = {"stages": rows, "seconds": seconds, "required": settings.required, "good": good}
    write_demo_report(settings, stages, rows)
    write_whole(settings.out / FINISHED, json.dumps(plain(result), indent=1))
    verdict = "does its task" if good else "does NOT do its task"
    share = f"{rows[-1]['success']:.0%} success, at least {settings.required:.1%} required"
    print(f"the finetuned controller {verdict}: {share}; {seconds / 60:.1f} min in all")
    print(f"{settings.out}: controller.onnx, episodes/, report.html")
    return Outcome(result, OK if good else ERROR)


def make_room(out: Path) -> None:
    """Set results of an earlier demo aside; only a pretraining that led to no end is used again."""
    if not out.exists():
        return
    kept = () if (out / FINISHED).exists() else (PRETRAINED,)
    old = [p for p in out.iterdir() if p.name not in kept and not p.name.startswith("before-")]
    if old:
        aside = out / f"before-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        aside.mkdir()
        for path in old:
            path.rename(aside / path.name)
        print(f"earlier results are in {aside}")


def prepare(s: Settings) -> Outcome:
    """Everything before the device is opened: pretrain, export, evaluate in the other engine."""
    pretrained, file = s.out / PRETRAINED, s.out / ZERO_SHOT_FILE
    step(f"pretrain {s.robot} in randomized simulation")
    pretrain_once(s, pretrained)
    step("export, and evaluate in the other engine")
    export_run(pretrained, file, s.controller)
    if not s.gate:
        return Outcome()
    config = GateConfig(s.gate_worlds, s.gate)
    return sim2sim.run(
        sim2sim.Settings(controller=file, robot=s.robot, backend=judging_engine(), config=config)
    )


def judging_engine() -> Backend:
    """PyBullet, or, said so, MuJoCo where that is not installed: its worlds are unseen as well."""
    try:
        import_pybullet()
    except SettingsError as error:
        print(f"{error}. MuJoCo decides instead, in worlds that were not trained in")
        return "mujoco"
    return "pybullet"


def run_stages(s: Settings) -> list[Stage]:
    """Everything that moves, and learns from it."""
    out, pretrained = s.out, s.out / PRETRAINED
    step(f"deploy: {ZERO_SHOT}")
    stages = [deploy_stage(s, ZERO_SHOT, pretrained, out / ZERO_SHOT_FILE, 0, monitor="watch")]
    transitions = 0
    rounds_in_all = len(s.collect)
    for number, count in enumerate(s.collect, 1):
        last = number == rounds_in_all
        step(f"round {number} of {rounds_in_all}: collect {count} episodes")
        folder = out / "episodes" / f"collect-{number}"
        report = collect_round(s, stages[-1].controller, folder, number)
        transitions += sum(r.report.ticks for r in report.results)
        # Always from the pretrained run with all data: so no episode that is kept out to evaluate
        # was learned from in an earlier round.
        step(f"round {number} of {rounds_in_all}: finetune on {transitions} real transitions")
        rounds = [out / "episodes" / f"collect-{n}" for n in range(1, number + 1)]
        target = out / ("finetuned" if last else f"round-{number}")
        with progress("finetune") as report_progress:
            result = finetune_run(
                pretrained,
                load_episodes(rounds),
                target,
                s.finetuning,
                resimulate=resimulator,
                progress=report_progress,
            )
        print_verdict(target, result)
        name = FINETUNED if last else f"round {number}"
        file = out / ("controller.onnx" if last else f"round-{number}.onnx")
        monitor = "stop" if last else "watch"
        step(f"export and deploy: {name}")
        export_run(target, file, s.controller)
        stages.append(deploy_stage(s, name, target, file, transitions, monitor=monitor))
    return stages


def step(text: str) -> None:
    """Say what comes next."""
    print(f"\n--- {text}", flush=True)


def pretrain_once(s: Settings, out: Path) -> None:
    """Pretrain, continue, or use a finished pretraining of the same settings."""
    spec = load_robot(s.robot)
    if RunFolder(out).finished:
        print(f"{out}: finished already, used again")
        return
    result = pretrain_here(spec, s.pretraining, out)
    print(f"{out}: policy alone {result.evaluation['success']:.0%} in unseen worlds")


def deploy_stage(
    s: Settings, name: str, run_path: Path, file: Path, transitions: int, *, monitor: Any
) -> Stage:
    """Deploy one run's controller."""
    between = name not in (ZERO_SHOT, FINETUNED)
    count = max(1, s.evaluate // 2) if between else s.evaluate
    settings = deploying.Settings(
        controller=file,
        port=s.port,
        robot=s.robot,
        episodes=count,
        record=s.out / "episodes" / f"deploy-{name.replace(' ', '-')}",
        monitor=monitor,
        seed=1000 + s.pretraining.seed,
    )
    with OperatorStop() as stop:
        spec, controller = load_for_robot(file, s.robot, seed=settings.seed)
        report = deploying.deploy(spec, controller, settings, stop, keep_going=True)
    return Stage(name, run_path, file, whole(report), transitions)


def collect_round(s: Settings, file: Path, folder: Path, number: int) -> EpisodesReport:
    """Collect one round with the newest controller."""
    settings = collecting.Settings(
        port=s.port,
        robot=s.robot,
        controller=file,
        episodes=s.collect[number - 1],
        seconds=s.seconds / s.collect[number - 1],
        exploration=s.exploration,
        out=folder,
        keep_going=True,
        seed=2000 * number + s.pretraining.seed,
    )
    with OperatorStop() as stop:
        spec, controller = collecting.choose(settings)
        return whole(collecting.collect(spec, controller, settings, stop))


def whole(report: EpisodesReport) -> EpisodesReport:
    """The report of a row that the operator did not end."""
    if report.interrupted:
        raise KeyboardInterrupt
    return report


def print_stages(rows: list[dict[str, Any]]) -> None:
    """The table at the end."""
    table = stage_table(rows)
    print_table(table.head, table.rows)


def write_demo_report(s: Settings, stages: list[Stage], rows: list[dict[str, Any]]) -> None:
    """report.html over the episodes of every deployment."""
    paths = [r.path for stage in stages for r in stage.report.results]
    caption = f"on {s.port}; error on the last deployment's episodes; alarms are noted, not obeyed"
    summary = stage_table(rows, caption)
    write_report(stages[-1].run, load_episodes(paths), s.out / "report.html", summary=summary)
