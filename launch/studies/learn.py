"""`robot-mbrl bench learn`: MBPO, PETS or a model-free reference, from scratch.

Each run is evaluated over the same start states by the environment's own reward, and by the returns
of the episodes in which it learned. What a step costs is counted as CPU time of the process on one
thread, evaluations apart: unlike wall-clock it can be compared between runs on a busy machine.
"""

import functools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro

from launch.studies.learn_envs import evaluate_policy, make_learning_env
from launch.studies.learn_settings import ReferenceSetting, Setting, find_setting
from launch.terminal import progress
from launch.verb import Outcome, Verb
from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.agents.pets import Pets
from robot_mbrl.analysis.coverage import cross_validated_coverage
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.contract.interface import Policy
from robot_mbrl.learning.online import OnlineLearning
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.unfinished import Unfinished

LEVEL = 0.9  # of the intervals whose coverage is reported
Progress = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """MBPO, PETS or a model-free reference from scratch: return by steps and by CPU time."""

    env: str = "Pendulum-v1"
    """Pendulum-v1, InvertedPendulum-v5, CartPoleSwingUp-v0, or the robot furuta (one machine)"""
    agent: Literal["mbpo", "pets", "sac"] = "mbpo"
    """what learns: policy and model, a planner on the model alone, or stable-baselines3's SAC"""
    learned_reward: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """learn reward and termination as well, instead of being given them"""
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


def run(settings: Settings) -> Outcome:
    """Every seed from scratch."""
    return Outcome(measure_learning(settings))


class Evaluator:
    """Evaluates a policy now and then.

    Args:
        name: the environment.
        episodes: start states of the last evaluation; a fifth of them before.
        steps: environment steps after which the last one comes.
    """

    def __init__(self, name: str, episodes: int, steps: int) -> None:
        self.name, self.episodes, self.steps = name, episodes, steps

    def __call__(self, steps: int, act: Policy) -> dict[str, float]:
        """The policy after so many steps."""
        last = steps >= self.steps
        return evaluate_policy(
            self.name, act, self.episodes if last else max(1, self.episodes // 5)
        )


class TimedEvaluator(Evaluator):
    """Counts as well what learning alone costs, for a reference implementation
    that does not."""

    def __init__(self, name: str, episodes: int, steps: int) -> None:
        super().__init__(name, episodes, steps)
        self.began_s = time.process_time()

    def __call__(self, steps: int, act: Policy) -> dict[str, float]:
        """The policy after so many steps; "cpu_s" is the time that learning took so far."""
        cpu_s = time.process_time() - self.began_s
        found = super().__call__(steps, act)
        self.began_s = time.process_time() - cpu_s
        return found | {"cpu_s": cpu_s}


def learn(
    name: str, seed: int, bench: Settings, report: Progress, folder: RunFolder | None = None
) -> dict[str, Any]:
    """One seed; returns its curve and its trials. With a folder a killed run of ours goes on."""
    setting = find_setting(name, bench.agent)
    if isinstance(setting, ReferenceSetting):
        return learn_reference(name, setting, seed, bench, report)
    return learn_setting(name, setting, seed, bench, report, folder)[0]


def learn_setting(
    name: str,
    setting: Setting,
    seed: int,
    bench: Settings,
    report: Progress,
    folder: RunFolder | None = None,
) -> tuple[dict[str, Any], Mbpo | Pets]:
    """One seed of one of our agents; returns its record and the agent."""
    online = setting.online
    online = replace(
        online,
        steps=bench.steps or online.steps,
        evaluate_every=bench.evaluate_every or online.evaluate_every,
    )
    env = make_learning_env(name)
    task = setting.learned_task(seed) if bench.learned_reward else setting.task
    agent = setting.make_agent(task, online.steps, seed)
    evaluator = Evaluator(name, bench.episodes, online.steps)
    learning = OnlineLearning(
        env, agent, online, lambda n: evaluator(n, agent.policy()), seed, folder
    )
    learned = learning.run(report)
    env.close()
    coverage = cross_validated_coverage(agent.model, learning.held_out(), LEVEL)
    row = {
        "env": name,
        "agent": bench.agent,
        "learned_reward": bench.learned_reward,
        "seed": seed,
        "curve": learned.evaluations,
        "trials": learned.trials,
        "holdout_loss": learned.holdout_nll,
        "drifts": learned.drifts,
        "coverage_90": dict(zip(agent.layout.joints, coverage.tolist(), strict=True)),
    }
    return row, agent


def learn_reference(
    name: str, setting: ReferenceSetting, seed: int, bench: Settings, report: Progress
) -> dict[str, Any]:
    """One seed of stable-baselines3."""
    from launch.bench.reference.sac import learn_sac  # an extra package

    steps = bench.steps or setting.steps
    evaluator = TimedEvaluator(name, bench.episodes, steps)
    every = bench.evaluate_every or setting.evaluate_every
    curve = learn_sac(
        make_learning_env(name), setting.arguments, steps, every, evaluator, seed, report
    )
    return {"env": name, "agent": bench.agent, "seed": seed, "curve": curve, "trials": []}


def summarize(row: dict[str, Any]) -> str:
    """One run in one line."""
    last, trials = row["curve"][-1], [t["return"] for t in row["trials"]]
    text = (
        f"{row['env']} {row['agent']} seed {row['seed']}: return {last['return']:.1f}, least "
        f"{last['least']:.1f} over {last['episodes']:.0f} start states after {last['steps']:.0f} "
        f"steps and {last['cpu_s']:.0f} s"
    )
    if "success" in last:
        text += f", success {last['success']:.0%}"
    if trials:
        text += f"; of {len(trials)} trials the last {trials[-1]:.1f}, the best {max(trials):.1f}"
    return text


def measure_learning(bench: Settings) -> dict[str, Any]:
    """Every seed; prints a line for each and writes the JSON. Killed, the same call goes on."""
    torch.set_num_threads(1)
    if bench.out is None:
        return _measure(bench, None)
    with Unfinished(bench.out, settings_of(bench)) as unfinished:
        result = _measure(bench, unfinished)
        write_whole(bench.out, json.dumps(result, indent=1))
        unfinished.remove()
    return result


def _measure(bench: Settings, unfinished: Unfinished | None) -> dict[str, Any]:
    rows = []
    for seed in bench.seeds:
        row = unfinished.row(seed) if unfinished else None
        if row is None:
            folder = unfinished.seed(seed) if unfinished else None
            with progress(f"{bench.env} seed {seed}") as report:
                row = learn(bench.env, seed, bench, functools.partial(report, "steps"), folder)
        if unfinished:
            unfinished.keep(seed, row)
        rows.append(row)
        print(summarize(row), flush=True)
    final = [r["curve"][-1]["return"] for r in rows]
    return {
        "env": bench.env,
        "agent": bench.agent,
        "steps": rows[0]["curve"][-1]["steps"],
        "median": float(np.median(final)),
        "runs": rows,
    }


def settings_of(bench: Settings) -> dict[str, Any]:
    """What a seed's result depends on."""
    setting = find_setting(bench.env, bench.agent)
    parts = setting if isinstance(setting, ReferenceSetting) else setting.agent
    asked = {k: v for k, v in asdict(bench).items() if k not in ("out", "seeds", "json")}
    online = {} if isinstance(setting, ReferenceSetting) else {"online": asdict(setting.online)}
    return asked | online | {"setting": asdict(parts)}
