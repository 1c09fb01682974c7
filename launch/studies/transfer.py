"""`robot-mbrl bench transfer`: what real data are worth, on each reality, with the controls.

For each reality: an oracle (pretrained on that very machine), zero-shot, finetuned on one and on
two rounds of real transitions, and three controls that keep the claim honest: the policy refined
with the pretrained model (no finetuning of the model), the policy refined without any real row (no
real data), and an ensemble from scratch on the real data alone.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sim
from calibration.resimulate import resimulator
from launch.operator_stop import OperatorStop, open_session
from launch.studies.realities import keep_reality, name_realities
from launch.terminal import print_episode
from launch.verb import Outcome, Verb, plain
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.reality import load_reality
from robot_mbrl.contract.files.read_file import parse_json, read_text
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.contract.parameters.variation import Variation
from robot_mbrl.data import load_episodes
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.procedure import finetune_run
from robot_mbrl.learning.pretrain import PretrainConfig, Pretraining
from robot_mbrl.learning.scale.executor import Job, ProcessExecutor
from robot_mbrl.onboard import (
    EpisodePlan,
    ExploringController,
    MonitorThresholds,
    load_for_robot,
    run_episodes,
)
from robot_mbrl.report.run_report import run_error
from robot_mbrl.runs.load_agent import robot_of
from robot_mbrl.runs.run_folder import RunFolder

ERROR_STEPS = 10
# Episodes in the 10 s of a round: short ones while little works, since spinning teaches little, and
# long enough to reach the top where it does.
FAILING_EPISODES, WORKING_EPISODES, LATER_EPISODES = 4, 3, 2
ROUND_S = 10.0
EXPLORATION = 0.2
HELD_OUT_EPISODES, HELD_OUT_S = 4, 32.0
CONTROLS: dict[str, dict[str, Any]] = {
    "model not finetuned": {"model": "pretrained"},
    "no real data": {"model": "pretrained", "real_row_share": 0.0, "real_start_share": 0.0},
    "ensemble from scratch": {
        "model": "scratch",
        "fit": dataclasses.replace(FinetuneConfig().fit, steps=3000, patience=20),
        "simulated_row_share": 0.0,
        "real_start_share": 1.0,
    },
}


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Success, return and error on each reality: zero-shot, finetuned, oracle, controls."""

    run: Path
    """pretrained run folder"""
    out: Path = Path("runs/transfer")
    """folder for everything; finished parts there are used again"""
    realities: tuple[str, ...] = ("heavy", "light", "worn")
    """realities of the run's robot, or paths of reality files"""
    episodes: int = 32
    """episodes of each deployment"""
    control_episodes: int = 32
    """episodes of each control"""
    oracle_updates: int = 30_000
    """SAC updates of an oracle"""
    seed: int = 0
    """of episodes and finetuning"""


def run(settings: Settings) -> Outcome:
    """Zero-shot, finetuned, oracle and controls on every reality."""
    return Outcome(measure_transfer(settings))


def measure_transfer(settings: Settings) -> dict[str, Any]:
    """Measure every reality; prints a line as soon as it is known."""
    torch.set_num_threads(1)
    spec = robot_of(settings.run)
    rows: list[dict[str, Any]] = []
    for name, reality in name_realities(settings.realities, spec).items():
        rows += transfer(settings, spec, name, reality)
    write_whole(settings.out / "transfer.json", json.dumps(plain(rows), indent=1))
    return {"rows": rows}


def transfer(s: Settings, spec: RobotSpec, named: str, reality: str) -> list[dict[str, Any]]:
    """Every row of one reality, kept under its name."""
    out = s.out / named
    keep_reality(load_reality(reality, spec), out / "reality.json")
    rows: list[dict[str, Any]] = []

    def add(name: str, run_path: Path, transitions: int, episodes: int) -> Path:
        controller = out / f"{name.replace(' ', '-')}.onnx"
        row = deployed(s, spec, reality, name, run_path, controller, transitions, episodes)
        rows.append({"reality": named} | row)
        return controller

    add("oracle", pretrain_oracle(s, spec, reality, out / "oracle"), 0, s.episodes)
    newest = add("zero-shot", s.run, 0, s.episodes)
    folders: list[Path] = []
    for number in (1, 2):
        folders.append(out / f"collect-{number}")
        works = rows[-1]["success"] >= 0.5
        episodes = WORKING_EPISODES if works else FAILING_EPISODES
        episodes = episodes if number == 1 else LATER_EPISODES
        record_round(s, spec, reality, newest, folders[-1], number, episodes, ROUND_S)
        target = finetuned(s, folders, out / f"finetuned-{number}", {})
        newest = add(f"finetuned {500 * number}", target, 500 * number, s.episodes)
    for name, changes in CONTROLS.items():
        target = finetuned(s, folders, out / name.replace(" ", "-"), changes)
        add(name, target, 1000, s.control_episodes)
    add_errors(s, spec, reality, rows, out)
    oracle, zero = rows[0], rows[1]
    for row in rows:
        row["return_of_oracle"] = row["return"] / oracle["return"]
        row["error_of_zero_shot"] = row["error_rad"] / zero["error_rad"]
        row["explored_of_zero_shot"] = row["explored_error_rad"] / zero["explored_error_rad"]
        print_row(row)
    return rows


def add_errors(
    s: Settings, spec: RobotSpec, reality: str, rows: list[dict[str, Any]], out: Path
) -> None:
    """Each model's error on episodes that none has seen: those in which the last controller was
    deployed, and others in which it explored.

    A controller alone acts by what it sees, so that its later actions betray what its first
    observations got wrong; a model that knows this controller profits, one that is asked about
    other actions does not.
    """
    explored = out / "collect-held-out"
    last = out / "finetuned-1000.onnx"
    record_round(s, spec, reality, last, explored, 3, HELD_OUT_EPISODES, HELD_OUT_S)
    tests = {"error_rad": out / "episodes-finetuned-1000", "explored_error_rad": explored}
    for key, folder in tests.items():
        episodes = load_episodes([folder])
        for row in rows:
            error = run_error(Path(row["run"]), episodes, ERROR_STEPS)
            row[key] = error.summary()["rms_rad"]


def print_row(row: dict[str, Any]) -> None:
    """One line for people."""
    print(
        f"{row['reality']:>8} {row['name']:<22} {row['transitions']:>5} real transitions: success "
        f"{row['success']:6.1%} of {row['episodes']}, return {row['return']:6.1f} "
        f"({row['return_of_oracle']:.2f} of the oracle's), {ERROR_STEPS}-step error "
        f"{np.degrees(row['error_rad']):5.2f} deg ({row['error_of_zero_shot']:.2f} of zero-shot; "
        f"exploring {row['explored_of_zero_shot']:.2f})",
        flush=True,
    )


def pretrain_oracle(s: Settings, spec: RobotSpec, reality: str, out: Path) -> Path:
    """Pretrain on the reality's own parameters; only the initial state is drawn."""
    if not (out / "thresholds.json").exists():
        truth = load_reality(reality, spec).parameters
        fixed = {
            path: Variation(value, value)
            for path, value in truth.items()
            if not path.startswith("initial.")
        }
        initial = {p: v for p, v in spec.randomization.items() if p.startswith("initial.")}
        here = dataclasses.replace(spec, randomization=initial | fixed)
        config = PretrainConfig(updates=s.oracle_updates, seed=s.seed)
        Pretraining(here, sim.make_vec_env, config, RunFolder(out)).run(lambda *_: None)
    return out


def record_round(
    s: Settings,
    spec: RobotSpec,
    reality: str,
    controller: Path,
    folder: Path,
    number: int,
    episodes: int,
    seconds: float,
) -> None:
    """So many real seconds in so many episodes, unless they are there already."""
    if folder.exists():
        return
    with OperatorStop() as stop:
        seed = 2000 * number + s.seed
        _, loaded = load_for_robot(controller, spec.folder, seed=seed)
        rng = np.random.default_rng(seed)
        explorer = ExploringController(loaded, len(spec.actuators), EXPLORATION, rng)
        with open_session(spec, f"mock:{reality}", stop, seed) as session:
            plan = EpisodePlan(
                ticks=session.ticks(seconds / episodes),
                folder=folder,
                kind="collect",
                lineage=loaded.metadata.lineage,
                extra={"policy": "controller", "exploration": EXPLORATION},
                monitor="watch",
                thresholds=MonitorThresholds.of_controller(loaded.metadata.thresholds),
            )
            run_episodes(session, explorer, plan, episodes, keep_going=True, done=print_episode)


def finetuned(s: Settings, folders: list[Path], out: Path, changes: dict[str, Any]) -> Path:
    """The run finetuned on every episode so far, always from the pretrained one."""
    if not (out / "state.json").exists():
        config = FinetuneConfig(seed=s.seed, **changes)
        episodes = load_episodes(folders)
        finetune_run(s.run, episodes, out, config, resimulate=resimulator)
    return out


def deployed(
    s: Settings,
    spec: RobotSpec,
    reality: str,
    name: str,
    run_path: Path,
    controller: Path,
    transitions: int,
    episodes: int,
) -> dict[str, Any]:
    """Export, deploy in two processes, and sum up."""
    if not controller.exists():
        export_run(run_path, controller)
    record = controller.parent / f"episodes-{name.replace(' ', '-')}"
    saved = controller.with_suffix(".json")
    if not saved.exists():
        halves = [(episodes + 1) // 2, episodes // 2]
        jobs = [
            Job(
                f"{reality}, {name}, part {k + 1}",
                deploy_some,
                (str(spec.folder), reality, controller, record, count, 1000 + 100 * k + s.seed),
            )
            for k, count in enumerate(halves)
            if count
        ]
        scores = [score for part in ProcessExecutor().map(jobs) for score in part]
        write_whole(saved, json.dumps(plain(scores)))
    scores = parse_json(read_text(saved), str(saved))
    return {
        "name": name,
        "run": str(run_path),
        "transitions": transitions,
        "episodes": len(scores),
        "success": float(np.mean([x["success"] for x in scores])),
        "return": float(np.mean([x["return"] for x in scores])),
        "stops": [x["stop_reason"] for x in scores if x["stop_reason"] != "finished"],
        "alarms": sum(bool(x["alarm"]) for x in scores),
    }


def deploy_some(
    robot: str, reality: str, controller: Path, record: Path, count: int, seed: int
) -> list[dict[str, Any]]:
    """Deploy in this process; alarms are noted and stop nothing."""
    with OperatorStop() as stop:
        spec, loaded = load_for_robot(controller, robot, seed=seed)
        with open_session(spec, f"mock:{reality}", stop, seed) as session:
            plan = EpisodePlan(
                ticks=session.ticks(None),
                folder=record,
                kind="deploy",
                lineage=loaded.metadata.lineage | {"controller": str(controller)},
                monitor="watch",
                thresholds=MonitorThresholds.of_controller(loaded.metadata.thresholds),
            )
            report = run_episodes(session, loaded, plan, count, keep_going=True, done=print_episode)
    return [r.to_json() for r in report.results]
