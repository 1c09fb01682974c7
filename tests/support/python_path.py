"""The whole path of the command line, in Python alone: FOLDER. Prints what was reached, as JSON."""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import sim
from calibration.resimulate import resimulator
from hardware import open_connection
from robot_mbrl.agents.mbpo import MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import load_robot
from robot_mbrl.data import load_episodes
from robot_mbrl.envs.episodes import evaluate
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.procedure import finetune_run
from robot_mbrl.learning.gate import GateConfig, evaluate_in_worlds
from robot_mbrl.learning.pretrain import PretrainConfig, pretrain
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.onboard import EpisodePlan, ExploringController, Session, load_controller
from robot_mbrl.runs.load_agent import load_agent

TINY = PretrainConfig(
    num_envs=8,
    updates=16,
    warmup_steps=200,
    episode_s=1.0,
    checkpoint_every=16,
    evaluation_worlds=2,
    alarm_worlds=8,
    agent=MbpoConfig(
        sac=SacConfig(actor_hidden=8, critic_hidden=8),
        ensemble=EnsembleConfig(members=2, hidden=8),
        real_share=1.0,
    ),
    fit=FitConfig(steps=20, check_every=10, elites=2),
)


def main(folder: Path) -> dict[str, Any]:
    """Pretrain, export, evaluate in the other engine, record, finetune, load and evaluate."""
    spec = load_robot("furuta")
    run, file = folder / "pretrained", folder / "controller.onnx"
    pretrained = pretrain(spec, sim.make_vec_env, TINY, run)
    metadata = export_run(run, file)
    other_engine = partial(sim.make_vec_env, backend="pybullet", threads=1, episode_s=0.5)
    gate = evaluate_in_worlds(file, spec, other_engine, GateConfig(worlds=2, pass_at=0.0))
    paths = record(spec, file, folder / "episodes")
    config = FinetuneConfig()
    config = replace(config, fit=replace(config.fit, steps=10, check_every=5), updates=5)
    tuned = folder / "finetuned"
    verdict = finetune_run(run, load_episodes(paths), tuned, config, resimulate=resimulator)
    agent, spec = load_agent(tuned)
    env = sim.make_vec_env(spec, 3, seed=1, threads=1, episode_s=0.5)
    report = evaluate(env, agent.policy(), seed=1, task=env.task)
    return {
        "transitions": pretrained.transitions,
        "robot": metadata.robot,
        "gate": gate.to_json(),
        "episodes": len(paths),
        "accepted": verdict["accepted"],
        "returns": report.returns.tolist(),
    }


def record(spec: Any, file: Path, folder: Path) -> list[Path]:
    """Three short episodes on the mock, explored."""
    controller = load_controller(file, spec, seed=0)
    rng = np.random.default_rng(0)
    exploring = ExploringController(controller, 1, 0.1, rng)
    plan = EpisodePlan(ticks=40, folder=folder, kind="collect", monitor="off")
    with Session(spec, lambda: open_connection(spec, "mock", rng=rng)) as session:
        paths = []
        for number in range(3):
            session.go_home()
            paths.append(session.run(exploring, plan, f"episode {number}").path)
    return paths


if __name__ == "__main__":
    result = main(Path(sys.argv[1]))
    result["launch"] = sorted(m for m in sys.modules if m.split(".")[0] == "launch")
    print(json.dumps(result))
