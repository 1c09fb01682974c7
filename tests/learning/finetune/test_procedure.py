"""A run folder in, a run folder out, without the command line."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sim
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.errors import ContractMismatchError, DataError
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.task import Task
from robot_mbrl.data import Episode
from robot_mbrl.data.segment import Segment, transitions_of
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.envs.episodes import record_worlds
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.procedure import finetune_run
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import FitConfig, fit_normalizers
from robot_mbrl.runs.agent_state import create_run, save_agent
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import RunFolder
from tests.support.episodes import make_episode

SPEC = load_robot("furuta")
SIZE = ObservationLayout.from_spec(SPEC).size
SMALL = MbpoConfig(
    sac=SacConfig(actor_hidden=5, critic_hidden=6, batch=16),
    ensemble=EnsembleConfig(members=2, hidden=8),
)
QUICK = FinetuneConfig(
    error_steps=3,
    real_shares=(0.9,),
    fit=FitConfig(steps=60, lr=5e-3, check_every=20, elites=2, multistep_weight=1.0),
    updates=10,
)


def swinging(seed: int) -> list[Segment]:
    """Four worlds under random actions."""
    rng = np.random.default_rng(seed)
    env = sim.make_vec_env(SPEC, 4, episode_s=1.0)
    segments = record_worlds(
        env, lambda obs: rng.uniform(-0.3, 0.3, (len(obs), 1)).astype(np.float32), seed=seed
    )
    env.close()
    return segments


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows its simulator's scales and nothing else."""
    env = sim.make_vec_env(SPEC, 1)
    rows = transitions_of(swinging(0), env.task)
    agent = Mbpo(env.layout, env.task, SMALL, len(rows), seed=3)
    agent.real.add(rows)
    fit_normalizers(agent.model, rows)
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    create_run(folder, SPEC, SMALL, 3)
    save_agent(folder, agent)
    return folder.path


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Episode]:
    """Four recorded ones, by the name of a file that is there."""
    folder, found = tmp_path_factory.mktemp("episodes"), {}
    for k, s in enumerate(swinging(1)):
        path = folder / f"{k}.mcap"
        path.write_bytes(bytes([k]))
        actions = np.concatenate([s.action, 0 * s.action[-1:]])
        found[str(path)] = make_episode(SPEC, actions, observations=s.obs, path=path)
    return found


def test_an_accepted_run_holds_the_new_model_and_where_it_came_from(
    run: Path, episodes: dict[str, Episode], tmp_path: Path
) -> None:
    asked: list[tuple[str, int]] = []

    def resimulate(
        spec: RobotSpec, task: Task, act: Policy, seed: int
    ) -> Callable[[Sequence[Segment]], Transitions]:
        assert act(np.zeros((2, SIZE))).shape == (2, 1)
        asked.append((spec.name, seed))
        return lambda segments: transitions_of(segments, task)

    result = finetune_run(run, episodes, tmp_path / "out", QUICK, resimulate=resimulate)
    assert asked == [("furuta", 0)]
    assert result["accepted"] and result["error_after_rad"] < result["error_before_rad"]
    lineage = read(tmp_path / "out" / "config.json")["lineage"]
    assert (tmp_path / "out" / lineage["run"]).resolve() == run.resolve()
    named = {(tmp_path / "out" / name).resolve() for name in lineage["episodes"]}
    assert named == {episode.path.resolve() for episode in episodes.values()}
    assert not any(Path(name).is_absolute() for name in [lineage["run"], *lineage["episodes"]])
    assert read(tmp_path / "out" / "finetune.json") == json.loads(json.dumps(result))
    (old, _), (new, _) = load_agent(run), load_agent(tmp_path / "out")
    assert new.model.dry_friction and not old.model.dry_friction
    # a later finetuning blends with the simulator again
    np.testing.assert_array_equal(new.real.all().obs, old.real.all().obs)


def test_without_a_simulator_the_parents_transitions_are_blended_in_and_worse_is_rolled_back(
    run: Path, episodes: dict[str, Episode], tmp_path: Path
) -> None:
    wild = FinetuneConfig(
        error_steps=3, fit=FitConfig(steps=2, lr=5.0, check_every=2), dry_friction=False
    )
    result = finetune_run(run, episodes, tmp_path / "out", wild)
    (old, _), (new, _) = load_agent(run), load_agent(tmp_path / "out")
    same = all(torch.equal(v, new.model.state_dict()[k]) for k, v in old.model.state_dict().items())
    assert same == (not result["accepted"])
    assert read(tmp_path / "out" / "config.json")["lineage"]["rolled_back"] == same
    assert result["thresholds"].startswith("of the parent")


def test_a_folder_in_use_and_another_robots_episodes_are_refused(
    run: Path, episodes: dict[str, Episode], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="holds a run already"):
        finetune_run(run, episodes, run, QUICK)
    foreign = {"x": make_episode(load_robot("arm"), np.zeros((9, 3)))}
    with pytest.raises(ContractMismatchError, match="recorded on robot 'arm'"):
        finetune_run(run, foreign, tmp_path / "out", QUICK)
    with pytest.raises(DataError, match="no episodes to finetune on"):
        finetune_run(run, {}, tmp_path / "out", QUICK)


def read(path: Path) -> Any:
    return json.loads(path.read_text())
