"""Run folders and settings survive the way to the disk and back; broken ones are named."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.errors import ContractMismatchError, DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.learning.pretrain import PretrainConfig
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.runs.agent_state import create_run, save_agent
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.settings import from_dict
from robot_mbrl.tasks import make_task

SMALL = MbpoConfig(
    sac=SacConfig(actor_hidden=5, critic_hidden=6, critics=3),
    ensemble=EnsembleConfig(members=4, hidden=7, layers=3),
    real_share=0.25,
)


def make(spec: RobotSpec, config: MbpoConfig = SMALL) -> Mbpo:
    agent = Mbpo(ObservationLayout.from_spec(spec), make_task(spec), config, 40, seed=3)
    rng, size = np.random.default_rng(0), agent.layout.size
    obs = rng.standard_normal((2, 30, size)).astype(np.float32)
    action = rng.uniform(-1, 1, (30, 1)).astype(np.float32)
    agent.real.add(
        Transitions(obs[0], action, obs[1], np.arange(30, dtype=np.float32), np.arange(30) % 7 == 0)
    )
    agent.model.elites = torch.tensor([1, 3])
    agent.model.spread_scale.fill_(0.5)
    agent.disagreement_limit = 0.75
    return agent


def save(agent: Mbpo, spec: RobotSpec, path: Path, *, finished: bool = True) -> Path:
    folder = RunFolder(path)
    create_run(folder, spec, agent.config, 3)
    save_agent(folder, agent)
    if not finished:
        folder.write_json("state.json", {"finished": False})
    return path


def test_an_agent_comes_back_as_it_was(furuta: RobotSpec, tmp_path: Path) -> None:
    agent = make(furuta)
    loaded, spec = load_agent(save(agent, furuta, tmp_path))
    assert spec == furuta
    assert loaded.config == SMALL
    assert loaded.disagreement_limit == 0.75
    assert loaded.model.elites.tolist() == [1, 3]
    first, second = agent.get_state().weights, loaded.get_state().weights
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    for name in ("obs", "action", "next_obs", "reward", "terminated"):
        np.testing.assert_array_equal(
            getattr(agent.real.all(), name), getattr(loaded.real.all(), name)
        )
    obs = np.zeros((2, agent.layout.size), np.float32)
    np.testing.assert_array_equal(agent.explore(obs), loaded.explore(obs))  # generators too


def test_a_run_from_before_spreads_were_scaled_has_them_whole(
    furuta: RobotSpec, tmp_path: Path
) -> None:
    save(make(furuta), furuta, tmp_path)
    weights = load_file(tmp_path / "weights.safetensors")
    del weights["model.spread_scale"]
    RunFolder(tmp_path).write_tensors("weights.safetensors", weights)
    assert load_agent(tmp_path)[0].model.spread_scale.tolist() == [1, 1]
    del weights["model.std_scale"]
    RunFolder(tmp_path).write_tensors("weights.safetensors", weights)
    with pytest.raises(DataError, match=r"model\.std_scale"):
        load_agent(tmp_path)


def test_unfinished_missing_or_broken_runs_are_named(furuta: RobotSpec, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json: no such file; is this a run folder"):
        load_agent(tmp_path / "nothing")
    path = save(make(furuta), furuta, tmp_path / "run", finished=False)
    with pytest.raises(DataError, match="not finished; continue it with"):
        load_agent(path)
    save(make(furuta), furuta, path)
    weights = (path / "weights.safetensors").read_bytes()
    (path / "weights.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(DataError, match=r"weights\.safetensors: cannot be read"):
        load_agent(path)
    (path / "state.json").write_text("{")
    with pytest.raises(DataError, match=r"state\.json: broken JSON"):
        load_agent(path)


def test_a_changed_robot_is_refused(furuta: RobotSpec, tmp_path: Path) -> None:
    path = save(make(furuta), furuta, tmp_path)
    with pytest.raises(ContractMismatchError, match="made for robot 'furuta' with fingerprint"):
        load_agent(path, load_robot("simple_pendulum"))


def test_a_write_that_fails_leaves_the_file_before(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("state.json", {"a": 1})
    with pytest.raises(TypeError):
        folder.write_json("state.json", {"a": object()})
    assert folder.read_json("state.json") == {"a": 1}


def test_a_continued_run_forgets_what_it_will_log_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for record in ({"updates": 8}, {"updates": 16}, {"updates": 24}, {"model_steps": 5}):
        folder.log(record)
    folder.forget_metrics_after(16)
    assert folder.metrics() == [{"updates": 8}, {"updates": 16}]


def test_metrics_are_lines_of_json(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.metrics() == []
    folder.log({"updates": 1})
    folder.log({"updates": 2})
    assert folder.metrics() == [{"updates": 1}, {"updates": 2}]


def test_settings_come_back_from_json() -> None:
    config = PretrainConfig(num_envs=7)
    assert from_dict(PretrainConfig, json.loads(json.dumps(config.to_json()))) == config
    assert from_dict(MbpoConfig, json.loads(json.dumps(dataclasses.asdict(SMALL)))) == SMALL
    with pytest.raises(DataError, match=r"SacConfig: unknown settings \['tua'\]"):
        from_dict(MbpoConfig, {"sac": {"tua": 0.1}})


def test_moments_of_other_weights_are_refused(furuta: RobotSpec) -> None:
    """As older versions wrote them, one a parameter."""
    agent = make(furuta)
    agent.update(3)
    state = agent.get_state()
    agent.set_state(state)
    name = "optimizer.critic_optimizer.0.exp_avg"
    for changed in (
        {name: state.learning[name][:5]},
        {"optimizer.critic_optimizer.1.exp_avg": state.learning[name]},
    ):
        with pytest.raises(DataError, match=r"critic_optimizer do not fit .* start the run anew"):
            agent.set_state(dataclasses.replace(state, learning=state.learning | changed))
