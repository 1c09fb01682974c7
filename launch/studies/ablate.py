"""`robot-mbrl bench ablate`: what each part of MBPO is worth, from scratch, over several seeds.

A run that is in the output file already is not repeated, so that a killed table goes on.
"""

import functools
import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from launch.studies.ablations import ABLATIONS
from launch.studies.learn import Progress, learn_setting
from launch.studies.learn import Settings as LearnSettings
from launch.studies.learn_envs import evaluate_policy
from launch.studies.learn_settings import PLAN_PENDULUM, Setting, find_setting
from launch.terminal import progress
from launch.verb import Outcome, Verb
from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import parse_json, read_text
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.contract.interface import Policy
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.warm import WarmPlanner

PLANNED = "planner, H = {horizon}, {value} value"
HORIZONS = (5, 20)
PLANNED_STARTS = 20
EVALUATIONS = 4  # of a run


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
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


def run(settings: Settings) -> Outcome:
    """MBPO with one thing changed at a time."""
    return Outcome(measure_ablations(settings))


def measure_ablations(bench: Settings) -> dict[str, Any]:
    """Every chosen ablation and seed; prints a table and writes the JSON after each run."""
    unknown = [n for n in bench.only if n not in ABLATIONS]
    if unknown:
        raise DataError(f"--only {unknown[0]!r}: there is no such ablation; {', '.join(ABLATIONS)}")
    torch.set_num_threads(1)
    done = parse_json(read_text(bench.out), str(bench.out))["runs"] if bench.out.exists() else []
    result = {"env": bench.env, "steps": bench.steps, "runs": done}
    for seed in bench.seeds:
        for name in bench.only or ABLATIONS:
            if any(r["name"] == name and r["seed"] == seed for r in done):
                continue
            with progress(f"{name}, seed {seed}") as report:
                done += run_ablation(bench, name, seed, functools.partial(report, "steps"))
            write_whole(bench.out, json.dumps(result, indent=1))
    print_ablations(done)
    return result


def run_ablation(bench: Settings, name: str, seed: int, report: Progress) -> list[dict[str, Any]]:
    """One run; that of everything as it is also says what planners on its model reach."""
    setting = find_setting(bench.env, "mbpo")
    if not isinstance(setting, Setting):
        raise DataError(f"{bench.env}: MBPO has no settings there")
    settings = LearnSettings(
        env=bench.env,
        steps=bench.steps,
        episodes=bench.episodes,
        evaluate_every=max(1, bench.steps // EVALUATIONS),
    )
    changed = ABLATIONS[name](setting)
    row, agent = learn_setting(bench.env, changed, seed, settings, report)
    last = row["curve"][-1]
    common = {"seed": seed, "cpu_s": last["cpu_s"]}
    rows = [
        {
            "name": name,
            "return": last["return"],
            "curve": {f"{c['steps']:.0f}": c["return"] for c in row["curve"]},
            "holdout_loss": row["holdout_loss"][-1],
            **common,
        }
    ]
    if name == "as it is" and isinstance(agent, Mbpo):
        for horizon, value in itertools.product(HORIZONS, (True, False)):
            act = planner_of(agent, horizon, value, seed)
            found = evaluate_policy(bench.env, act, PLANNED_STARTS)["return"]
            words = PLANNED.format(horizon=horizon, value="with" if value else "without")
            curve = {f"{last['steps']:.0f}": found}
            rows.append({"name": words, "return": found, "curve": curve, **common})
    return rows


def planner_of(agent: Mbpo, horizon: int, value: bool, seed: int) -> Policy:
    """iCEM on an agent's model, without the policy's proposals; the horizon closed with the
    agent's value, or not."""
    config = replace(PLAN_PENDULUM.planner, horizon=horizon)
    imagination = Imagination(
        agent.model,
        agent.task,
        agent.sac.average,
        agent.sac.critics,
        gamma=agent.config.sac.gamma,
        disagreement_penalty=0.0,
        terminal_value=value,
    )
    rng = torch.Generator().manual_seed(seed)
    planner = WarmPlanner(imagination, config, agent.layout.action_size, rng)

    def act(obs: np.ndarray) -> np.ndarray:
        return planner.act(torch.as_tensor(obs, dtype=torch.float32)).numpy()

    return act


def print_ablations(runs: list[dict[str, Any]]) -> None:
    """Medians over seeds as steps go on, and every seed's last return; one row an ablation."""
    _, steps = max((len(r["curve"]), list(r["curve"])) for r in runs)
    table = Table("median return after steps", *steps, "seeds", "CPU s")
    for name in dict.fromkeys(r["name"] for r in runs):
        rows = sorted((r for r in runs if r["name"] == name), key=lambda r: r["seed"])
        returns = [r["return"] for r in rows]
        curves = [r["curve"] for r in rows]
        table.add_row(
            name,
            *(f"{np.median([c[n] for c in curves]):.0f}" if n in curves[0] else "" for n in steps),
            ", ".join(f"{x:.0f}" for x in returns),
            f"{np.median([r['cpu_s'] for r in rows]):.0f}",
        )
    Console().print(table)
