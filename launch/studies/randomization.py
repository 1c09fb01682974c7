"""`robot-mbrl bench randomization`: what randomization is worth on machines nobody has seen.

For each kind of randomization: train with equal updates, then let the policy alone and the exported
planner act on each reality, zero-shot. What is finished already is not repeated.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.table import Table

import sim
from launch.operator_stop import OperatorStop, open_session
from launch.studies.realities import keep_reality, name_realities
from launch.terminal import progress
from launch.verb import Outcome, Verb, plain
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.reality import load_reality
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import parse_json, read_text
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.learning.actors import PolicyController
from robot_mbrl.learning.pretrain import PretrainConfig, differing_settings, pretrain
from robot_mbrl.onboard import Controller, EpisodePlan, load_controller, run_episodes
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Zero-shot success on each reality after training with no, stated and automatic ranges."""

    robot: str = "furuta"
    """built-in robot or robot folder"""
    out: Path = Path("runs/randomization")
    """folder for everything; finished parts there are used again"""
    kinds: tuple[Literal["none", "fixed", "automatic"], ...] = ("none", "fixed", "automatic")
    """what the worlds of training are; see `pretrain --randomization`"""
    realities: tuple[str, ...] = ("light", "heavy", "worn")
    """realities of the robot, or paths of reality files"""
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


@dataclass(frozen=True)
class TrainedRun:
    """One trained run."""

    kind: str
    seed: int
    run: Path


def run(settings: Settings) -> Outcome:
    """No, stated and automatic ranges."""
    return Outcome(measure_randomization(settings))


def measure_randomization(settings: Settings, base: PretrainConfig | None = None) -> dict[str, Any]:
    """Every kind, seed, reality and actor; `base` are settings of training besides those.

    Writes `randomization.json` after each part; prints a table. Raises DataError where the folder
    holds runs of other settings, SpecError for an unknown reality.
    """
    torch.set_num_threads(1)
    spec, rows = load_robot(settings.robot), list[dict[str, Any]]()
    named = name_realities(settings.realities, spec)
    for name, reality in named.items():
        keep_reality(load_reality(reality, spec), settings.out / f"reality-{name}.json")
    for training in trainings(settings, spec, base or PretrainConfig()):
        for name, reality in named.items():
            for actor in settings.actors:
                rows.append(evaluated(settings, spec, training, name, reality, actor))
                write(settings.out, rows)
    print_randomization(settings, rows)
    return {"rows": rows}


def trainings(settings: Settings, spec: RobotSpec, base: PretrainConfig) -> Iterator[TrainedRun]:
    """Train, or find, each run."""
    for seed in settings.seeds:
        for kind in settings.kinds:
            config = replace(base, updates=settings.updates, seed=seed, randomization=kind)
            out = settings.out / f"{kind}-{seed}"
            if not finished(out, spec, config):
                with progress(f"pretrain {kind}, seed {seed}") as report:
                    pretrain(spec, sim.make_vec_env, config, out, report)
            yield TrainedRun(kind, seed, out)


def finished(out: Path, spec: RobotSpec, config: PretrainConfig) -> bool:
    """Whether a run is complete. Raises DataError for that of other settings."""
    folder = RunFolder(out)
    if not folder.finished:
        return False
    differing = differing_settings(folder, spec, config)
    if differing:
        raise DataError(
            f"{out}: holds a run with other settings ({'; '.join(differing)}); choose another --out"
        )
    return True


def evaluated(
    settings: Settings, spec: RobotSpec, training: TrainedRun, name: str, reality: str, actor: str
) -> dict[str, Any]:
    """Episodes on one reality, unless they are there already."""
    saved = training.run / f"{actor}-{name}-{settings.episodes}.json"
    if not saved.exists():
        controller = make_actor(spec, training, actor)
        folder = training.run / f"episodes-{name}"
        scores = drive(settings, spec, controller, reality, folder, training.seed)
        write_whole(saved, json.dumps(plain(scores)))
    scores = parse_json(read_text(saved), str(saved))
    return {
        "randomization": training.kind,
        "seed": training.seed,
        "reality": name,
        "actor": actor,
        "episodes": len(scores),
        "success": float(np.mean([s["success"] for s in scores])),
        "return": float(np.mean([s["return"] for s in scores])),
        "stops": sum(s["stop_reason"] != "finished" for s in scores),
    }


def make_actor(spec: RobotSpec, training: TrainedRun, actor: str) -> Controller:
    """The policy alone, or the exported controller."""
    if actor == "policy":
        return PolicyController(load_agent(training.run, spec)[0].policy())
    path = training.run / "controller.onnx"
    if not path.exists():
        export_run(training.run, path)
    return load_controller(path, spec, seed=training.seed)


def drive(
    settings: Settings,
    spec: RobotSpec,
    controller: Controller,
    reality: str,
    folder: Path,
    seed: int,
) -> list[dict[str, Any]]:
    """So many episodes on the mock, in this process, into `folder`; without the model's alarms."""
    episodes, seed = settings.episodes, 1000 + seed  # training uses small ones
    with OperatorStop() as stop, open_session(spec, f"mock:{reality}", stop, seed) as session:
        length = session.ticks(settings.seconds)
        plan = EpisodePlan(length, folder, "deploy", monitor="off")
        report = run_episodes(session, controller, plan, episodes, keep_going=True)
    if report.interrupted or len(report.results) < episodes:
        raise DataError(
            f"{reality}: {len(report.results)} of {episodes} episodes were run; the same command "
            "goes on"
        )
    return [result.to_json() for result in report.results]


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    """What is known so far."""
    text = json.dumps(plain(rows), indent=1)
    write_whole(out / "randomization.json", text)


def print_randomization(settings: Settings, rows: list[dict[str, Any]]) -> None:
    """Success and return of each kind on each reality, mean over the seeds."""
    table = Table(box=box.SIMPLE, title=f"{settings.updates} updates, zero-shot")
    realities = list(dict.fromkeys(r["reality"] for r in rows))
    for title in ("randomization", "actor", *realities):
        table.add_column(title, no_wrap=True)
    for kind in settings.kinds:
        for actor in settings.actors:
            cells = []
            for reality in realities:
                found = [
                    r
                    for r in rows
                    if (r["randomization"], r["actor"], r["reality"]) == (kind, actor, reality)
                ]
                success = np.mean([r["success"] for r in found])
                mean = np.mean([r["return"] for r in found])
                cells.append(f"{success:.0%}, return {mean:.1f}")
            table.add_row(kind, actor, *cells)
    Console(width=120, highlight=False).print(table)
