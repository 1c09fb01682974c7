"""Files that were written before the house was rearranged are read on: a run, its checkpoint, a
controller and an episode, as commit 0a5fa54 wrote them (only `robot_folder` names no machine)."""

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import load_episodes, read_episode
from robot_mbrl.export.controller_file import export_run
from robot_mbrl.export.graph import ControllerConfig
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.procedure import finetune_run
from robot_mbrl.learning.pretrain import PretrainConfig, differing_settings, pretrain
from robot_mbrl.onboard import load_controller
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.runs.agent_state import agent_config
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.settings import from_dict

FILES = Path(__file__).parents[1] / "data" / "before_the_move"
EPISODE = FILES / "episodes" / "collect-20261128-180421-602728.mcap"


def silent(*_: Any) -> None:
    pass


def settings() -> PretrainConfig:
    """What the run was pretrained with."""
    head = RunFolder(FILES / "run").read_json("config.json")
    stored = {k: v for k, v in head["pretraining"].items() if k != "mbpo"}
    return replace(from_dict(PretrainConfig, stored), agent=agent_config(head))


def unfinished(path: Path) -> Path:
    """The run as it was before it fitted its model: killed after the last checkpoint."""
    shutil.copytree(FILES / "run", path)
    folder = RunFolder(path)
    state = folder.read_json("state.json")
    folder.write_json("state.json", state | {"finished": False})
    (path / "thresholds.json").unlink()
    return path


def test_a_run_is_loaded_though_its_robots_folder_is_gone() -> None:
    agent, spec = load_agent(FILES / "run")
    assert spec == load_robot("furuta")
    assert len(agent.real) == 248 and agent.config.agent_name == "mbpo"
    assert not agent.config.ensemble.dry_friction  # it was called `sticks`
    obs = agent.real.all().obs
    action = agent.policy()(obs)
    assert action.shape == (248, 1) and np.isfinite(action).all()


@pytest.mark.slow
def test_a_run_is_exported_to_what_the_old_code_exported(tmp_path: Path) -> None:
    """The old controller was exported from this run."""
    spec = load_robot("furuta")
    planner = load_controller(FILES / "controller.onnx", spec).metadata.planner
    cem = CemConfig(**{f.name: planner[f.name] for f in fields(CemConfig)})
    export_run(FILES / "run", tmp_path / "controller.onnx", ControllerConfig(cem=cem))
    controllers = [load_controller(p / "controller.onnx", spec) for p in (FILES, tmp_path)]
    rng = np.random.default_rng(0)
    for obs in load_agent(FILES / "run")[0].real.all().obs[::40]:
        plan = rng.uniform(-1, 1, controllers[0].plan_shape).astype(np.float32)
        noise = rng.standard_normal(controllers[0].noise_shape, dtype=np.float32)
        old, new = (c.act_with(obs, plan, noise) for c in controllers)
        np.testing.assert_allclose(old.action, new.action, atol=1e-5)
        np.testing.assert_allclose(old.predicted_mean, new.predicted_mean, atol=1e-5)


def test_an_unfinished_run_goes_on_to_the_same_model(tmp_path: Path) -> None:
    path = unfinished(tmp_path / "run")
    spec, config = load_robot("furuta"), settings()
    assert differing_settings(RunFolder(path), spec, config) == []
    with pytest.raises(DataError, match=r"agent\.config\.sac\.lr: the run has 0\.001"):
        agent: Any = config.agent
        other = replace(agent, sac=replace(agent.sac, lr=0.5))
        pretrain(spec, sim.make_vec_env, replace(config, agent=other), path)
    report = pretrain(spec, sim.make_vec_env, config, path, silent)
    assert report.transitions == 248
    old, new = load_agent(FILES / "run")[0], load_agent(path)[0]
    obs = old.real.all().obs
    np.testing.assert_array_equal(old.policy()(obs), new.policy()(obs))
    for name, weight in old.model.state_dict().items():
        np.testing.assert_allclose(weight, new.model.state_dict()[name], atol=1e-5)
    assert not (path / "checkpoint.safetensors").exists()


def test_an_episode_is_read() -> None:
    episode = read_episode(EPISODE)
    layout = ObservationLayout.from_spec(load_robot("furuta"))
    assert tuple(episode.metadata.columns) == layout.columns
    assert episode.observations.shape == (len(episode), layout.size)
    assert sum(len(s) for s in episode.segments()) > 20


def test_a_run_is_finetuned_on_them(tmp_path: Path) -> None:
    for name in ("a.mcap", "b.mcap"):
        shutil.copy(EPISODE, tmp_path / name)
    config = FinetuneConfig()
    config = replace(config, fit=replace(config.fit, steps=20, check_every=10), updates=10)
    out = tmp_path / "finetuned"
    finetune_run(FILES / "run", load_episodes([tmp_path]), out, config)
    agent, _ = load_agent(out)
    assert len(agent.real) == 248
