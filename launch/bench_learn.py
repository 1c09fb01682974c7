"""`robot-mbrl bench learn`: MBPO or PETS from scratch on gymnasium's environments, seed by seed.

Each run is judged over the same start states by the environment's own reward, and by the returns of
the episodes in which it learned.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from launch.bench import LearnBench
from launch.learn_settings import find_setting
from launch.progress import progress
from robot_mbrl.evaluate import Act
from robot_mbrl.online import OnlineLearning

FIRST_START = 10_000  # seeds of the start states of every evaluation


def make_env(name: str) -> gymnasium.Env[np.ndarray, np.ndarray]:
    """The environment with actions in [-1, 1]."""
    one = np.float32(1.0)
    return gymnasium.wrappers.RescaleAction(gymnasium.make(name), -one, one)


def evaluate_policy(name: str, act: Act, episodes: int) -> np.ndarray:
    """Returns (episodes,) from the start states of seeds FIRST_START and on."""
    envs = gymnasium.vector.SyncVectorEnv([lambda: make_env(name)] * episodes)
    obs, _ = envs.reset(seed=[FIRST_START + k for k in range(episodes)])
    running, returns = np.ones(episodes, bool), np.zeros(episodes)
    while running.any():
        obs, reward, ended, truncated, _ = envs.step(act(obs.astype(np.float32)))
        returns += reward * running
        running &= ~(ended | truncated)
    envs.close()
    return returns


def learn(name: str, seed: int, bench: LearnBench, tell: Any) -> dict[str, Any]:
    """One seed; returns its curve and its trials."""
    setting = find_setting(name, bench.agent)
    online = replace(setting.online, steps=bench.steps or setting.online.steps)
    env = make_env(name)
    task = setting.learned_task(seed) if bench.learned_reward else setting.task
    agent = setting.make_agent(task, online.steps, seed)

    def judge(steps: int) -> dict[str, float]:
        last = steps >= online.steps
        episodes = bench.episodes if last else max(1, bench.episodes // 5)
        returns = evaluate_policy(name, agent.policy(), episodes)
        return {
            "return": float(returns.mean()),
            "least": float(returns.min()),
            "episodes": float(episodes),
        }

    report = OnlineLearning(env, agent, online, judge, seed).run(tell)
    env.close()
    return {
        "env": name,
        "agent": bench.agent,
        "learned_reward": bench.learned_reward,
        "seed": seed,
        "curve": report.evaluations,
        "trials": report.trials,
        "holdout_loss": report.holdout_nll,
    }


def summarize(row: dict[str, Any]) -> str:
    """One run in one line."""
    last, trials = row["curve"][-1], [t["return"] for t in row["trials"]]
    text = (
        f"{row['env']} {row['agent']} seed {row['seed']}: return {last['return']:.1f}, least "
        f"{last['least']:.1f} over {last['episodes']:.0f} start states after {last['steps']:.0f} "
        "steps"
    )
    if trials:
        text += f"; of {len(trials)} trials the last {trials[-1]:.1f}, the best {max(trials):.1f}"
    return text


def measure_learning(bench: LearnBench) -> dict[str, Any]:
    """Every seed; prints a line for each and writes `learn.json`."""
    find_setting(bench.env, bench.agent)
    torch.set_num_threads(1)
    rows = []
    for seed in bench.seeds:
        with progress(f"{bench.env} seed {seed}") as tell:
            rows.append(
                learn(bench.env, seed, bench, lambda n, t, x, tell=tell: tell("steps", n, t, x))
            )
        print(summarize(rows[-1]), flush=True)
    final = [r["curve"][-1]["return"] for r in rows]
    result = {
        "env": bench.env,
        "agent": bench.agent,
        "steps": rows[0]["curve"][-1]["steps"],
        "median": float(np.median(final)),
        "runs": rows,
    }
    if bench.out:
        bench.out.parent.mkdir(parents=True, exist_ok=True)
        Path(bench.out).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result
