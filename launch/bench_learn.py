"""`robot-mbrl bench learn`: MBPO from scratch on gymnasium's environments, seed by seed.

Each run is judged over the same start states by the environment's own reward.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from launch.bench import LearnBench
from launch.progress import progress
from robot_mbrl.agents.mbpo import EnsembleConfig, ImaginationConfig, Mbpo, MbpoConfig
from robot_mbrl.agents.sac import SacConfig
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.plain_layout import PlainLayout
from robot_mbrl.evaluate import Act, actor_policy
from robot_mbrl.online import OnlineConfig, OnlineLearning
from robot_mbrl.tasks.classic import InvertedPendulumV5, PendulumV1

FIRST_START = 10_000  # seeds of the start states of every evaluation


@dataclass(frozen=True)
class Setting:
    """One environment: how it is rewarded, and what learns it."""

    task: Any
    agent: MbpoConfig
    online: OnlineConfig


PENDULUM = MbpoConfig(
    sac=SacConfig(gamma=0.99, target_entropy=-1.0, decay_from=1.0, actor_average=0.99),
    ensemble=EnsembleConfig(members=5, hidden=96),
    imagination=ImaginationConfig(branches=400, horizon=3, every=250, keep_rounds=20),
    real_share=0.1,
)
BALANCE = replace(
    PENDULUM,
    sac=replace(PENDULUM.sac, target_entropy=-0.5),
    imagination=replace(PENDULUM.imagination, horizon=5),
)
SETTINGS = {
    "Pendulum-v1": Setting(PendulumV1(), PENDULUM, OnlineConfig()),
    # A first guess: no result of this one is claimed yet.
    "InvertedPendulum-v5": Setting(InvertedPendulumV5(), BALANCE, OnlineConfig()),
}


def make_env(name: str) -> gymnasium.Env[np.ndarray, np.ndarray]:
    """The environment with actions in [-1, 1]."""
    one = np.float32(1.0)
    return gymnasium.wrappers.RescaleAction(gymnasium.make(name), -one, one)


def columns_of(space: gymnasium.Space[np.ndarray]) -> int:
    """Length of the vectors of a space."""
    return int(np.prod(space.shape or ()))


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
    """One seed; returns its curve."""
    setting = SETTINGS[name]
    online = replace(setting.online, steps=bench.steps)
    env = make_env(name)
    (obs_size,), (action_size,) = (
        env.observation_space.shape or (0,),
        env.action_space.shape or (0,),
    )
    layout = PlainLayout(obs_size, action_size)
    agent = Mbpo(layout, setting.task, setting.agent, online.steps, seed)

    def judge(steps: int) -> dict[str, float]:
        last = steps >= online.steps
        episodes = bench.episodes if last else max(1, bench.episodes // 5)
        returns = evaluate_policy(name, actor_policy(agent.sac.average), episodes)
        return {
            "return": float(returns.mean()),
            "least": float(returns.min()),
            "episodes": float(episodes),
        }

    report = OnlineLearning(env, agent, online, judge, seed).run(tell)
    env.close()
    return {"env": name, "seed": seed, "curve": report.evaluations, "nll": report.holdout_nll}


def measure_learning(bench: LearnBench) -> dict[str, Any]:
    """Every seed; prints a line for each and writes `learn.json`."""
    if bench.env not in SETTINGS:
        raise DataError(f"--env: no settings for {bench.env!r}; there are: {', '.join(SETTINGS)}")
    torch.set_num_threads(1)
    rows = []
    for seed in bench.seeds:
        with progress(f"{bench.env} seed {seed}") as tell:
            rows.append(
                learn(bench.env, seed, bench, lambda n, t, x, tell=tell: tell("steps", n, t, x))
            )
        last = rows[-1]["curve"][-1]
        print(
            f"{bench.env} seed {seed}: return {last['return']:.1f}, least {last['least']:.1f} "
            f"over {last['episodes']:.0f} start states after {last['steps']:.0f} steps",
            flush=True,
        )
    final = [r["curve"][-1]["return"] for r in rows]
    result = {
        "env": bench.env,
        "steps": bench.steps,
        "median": float(np.median(final)),
        "runs": rows,
    }
    if bench.out:
        bench.out.parent.mkdir(parents=True, exist_ok=True)
        Path(bench.out).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result
