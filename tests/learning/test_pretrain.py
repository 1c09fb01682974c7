"""Pretraining in miniature: what is stored, and that a killed run resumes to the same numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sim
from robot_mbrl.agents.mbpo import MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError
from robot_mbrl.learning.pretrain import PretrainConfig, Pretraining, PretrainReport
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.runs.run_folder import RunFolder

TINY = PretrainConfig(
    num_envs=3,
    updates=24,
    updates_per_step=4,
    warmup_steps=60,
    episode_s=0.1,
    checkpoint_every=8,
    evaluation_worlds=2,
    model_holdout=0.3,
    agent=MbpoConfig(
        sac=SacConfig(actor_hidden=6, critic_hidden=7, batch=10),
        ensemble=EnsembleConfig(members=3, hidden=5),
        real_share=1.0,
    ),
    fit=FitConfig(steps=6, batch=8, check_every=3, elites=2),
    seed=5,
)


def make_env(spec: RobotSpec, num_envs: int, **settings: Any) -> Any:
    """Short evaluation episodes are enough here."""
    return sim.make_vec_env(spec, num_envs, **({"episode_s": 0.2, "threads": 1} | settings))


def silent(*_: Any) -> None:
    pass


def pretraining(spec: RobotSpec, path: Path, config: PretrainConfig = TINY) -> Pretraining:
    return Pretraining(spec, make_env, config, RunFolder(path))


@pytest.fixture(scope="module")
def whole(
    furuta: RobotSpec, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, PretrainReport]:
    path = tmp_path_factory.mktemp("run") / "whole"
    return path, pretraining(furuta, path).run(silent)


class KilledError(Exception):
    """Stands for Ctrl-C or kill -9."""


def dying(call: Callable[..., Any], number: int) -> Callable[..., Any]:
    """The callable, which kills on its number-th call (from 1), before doing anything."""
    calls = 0

    def wrapped(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise KilledError
        return call(*args, **more)

    return wrapped


def kill_and_resume(spec: RobotSpec, path: Path, config: PretrainConfig, call: int) -> None:
    """Kill a run on its call-th updates, then continue it in a fresh one."""
    first = pretraining(spec, path, config)
    first.agent.update = dying(first.agent.update, call)  # type: ignore[attr-defined]
    with pytest.raises(KilledError):
        first.run(silent)
    pretraining(spec, path, config).run(silent)


def same_run(a: Path, b: Path) -> None:
    for name in ("weights.safetensors", "replay.safetensors"):
        first, second = RunFolder(a).read_tensors(name), RunFolder(b).read_tensors(name)
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert torch.equal(value, second[key]), (name, key)
    assert RunFolder(a).read_json("state.json") == RunFolder(b).read_json("state.json")


def test_run_folder_holds_what_was_learned(whole: tuple[Path, PretrainReport]) -> None:
    path, report = whole
    state = RunFolder(path).read_json("state.json")
    assert state["finished"] is True
    assert state["updates"] == 24
    assert report.transitions == 60 + 6 * 3 <= TINY.capacity
    assert set(report.evaluation) == {"success", "return", "terminated", "episodes"}
    assert len(report.fit.elites) == 2
    rows = [m for m in RunFolder(path).metrics() if "updates" in m]
    assert [m["updates"] for m in rows] == [8, 16, 24]
    assert [m["transitions"] for m in rows] == [66, 72, 78]
    assert not list(path.glob("*.tmp"))


def test_same_seed_same_run_and_another_seed_another(
    furuta: RobotSpec, whole: tuple[Path, PretrainReport], tmp_path: Path
) -> None:
    pretraining(furuta, tmp_path / "again").run(silent)
    same_run(whole[0], tmp_path / "again")
    pretraining(furuta, tmp_path / "other", replace(TINY, seed=6)).run(silent)
    a, b = (
        RunFolder(p).read_tensors("weights.safetensors") for p in (whole[0], tmp_path / "other")
    )
    assert not torch.equal(a["actor.layers.0.weight"], b["actor.layers.0.weight"])


@pytest.mark.parametrize("call", [1, 3, 6])
def test_killed_in_training_resumes_to_the_same_numbers(
    call: int, furuta: RobotSpec, whole: tuple[Path, PretrainReport], tmp_path: Path
) -> None:
    kill_and_resume(furuta, tmp_path, TINY, call)
    same_run(whole[0], tmp_path)
    assert RunFolder(tmp_path).metrics() == RunFolder(whole[0]).metrics()


@pytest.mark.parametrize("place", ["evaluate", "fit"])
def test_killed_elsewhere_resumes_to_the_same_numbers(
    place: str,
    furuta: RobotSpec,
    whole: tuple[Path, PretrainReport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import robot_mbrl.learning.pretrain as module

    name, number = ("evaluate", 2) if place == "evaluate" else ("fit_ensemble", 1)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, dying(getattr(module, name), number))
        with pytest.raises(KilledError):
            pretraining(furuta, tmp_path).run(silent)
    pretraining(furuta, tmp_path).run(silent)
    same_run(whole[0], tmp_path)


@pytest.mark.parametrize("write", [5, 6, 7, 10, 12, 13, 14])
def test_killed_while_saving_resumes_to_the_same_numbers(
    write: int,
    furuta: RobotSpec,
    whole: tuple[Path, PretrainReport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between any two files: what is continued is one checkpoint, whole."""
    import os

    with monkeypatch.context() as patch:
        patch.setattr("robot_mbrl.contract.files.whole_file.os.replace", dying(os.replace, write))
        with pytest.raises(KilledError):
            pretraining(furuta, tmp_path).run(silent)
    pretraining(furuta, tmp_path).run(silent)
    same_run(whole[0], tmp_path)


def test_truncated_episodes_store_their_true_last_observation(
    furuta: RobotSpec, tmp_path: Path
) -> None:
    """Episodes of 5 ticks: after the last comes where the robot went, not the next start."""
    run = pretraining(furuta, tmp_path, replace(TINY, anywhere=0.0))
    run._create()
    run._warm_up()
    t = run.agent.real.all()
    layout = run.env.layout
    assert not t.terminated.any()
    for tick in (3, 4, 5, 9, 10):
        rows = slice(3 * tick, 3 * tick + 3)
        np.testing.assert_allclose(
            t.next_obs[rows, layout.column("motor.action[-1]")], t.action[rows, 0]
        )
        dq = layout.increments(t.obs[rows].astype(float), t.next_obs[rows].astype(float))
        predicted = layout.advance(t.obs[rows].astype(float), dq, t.action[rows].astype(float))
        np.testing.assert_allclose(predicted, t.next_obs[rows], atol=1e-4)
    starts = t.obs.reshape(-1, 3, layout.size)[::5]
    assert not layout.velocities(starts).any()
    assert layout.velocities(t.obs.reshape(-1, 3, layout.size)[4]).any()


def test_held_out_rows_of_the_model_fit_are_not_trained_on(
    furuta: RobotSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def spy(model: Any, sources: Any, holdout: Any, *rest: Any) -> Any:
        seen.extend([sources[0].transitions, holdout])
        raise KilledError

    monkeypatch.setattr("robot_mbrl.learning.pretrain.fit_ensemble", spy)
    config = replace(TINY, num_envs=2, warmup_steps=320, updates=4, checkpoint_every=4)
    with pytest.raises(KilledError):
        pretraining(furuta, tmp_path, config).run(silent)
    train, holdout = ({row.tobytes() for row in t.obs} for t in seen)
    assert not train & holdout
    assert len(seen[0]) + len(seen[1]) == 322
    assert len(seen[1]) == pytest.approx(0.3 * 322, abs=25)


def test_weights_of_another_configuration_are_refused(furuta: RobotSpec, tmp_path: Path) -> None:
    first = pretraining(furuta, tmp_path)
    first.agent.update = dying(first.agent.update, 4)  # type: ignore[attr-defined]
    with pytest.raises(KilledError):
        first.run(silent)
    wide = replace(TINY.agent, sac=replace(TINY.agent.sac, actor_hidden=9))
    with pytest.raises(DataError, match="another robot or configuration"):
        pretraining(furuta, tmp_path, replace(TINY, agent=wide)).run(silent)


@pytest.mark.bullet
def test_the_chosen_engine_makes_every_world(
    furuta: RobotSpec, whole: tuple[Path, PretrainReport], tmp_path: Path
) -> None:
    asked: list[str] = []

    def spy(spec: RobotSpec, num_envs: int, **settings: Any) -> Any:
        asked.append(settings["backend"])
        return make_env(spec, num_envs, **settings)

    config = replace(TINY, backend="pybullet")
    training = Pretraining(furuta, spy, config, RunFolder(tmp_path / "bullet"))
    training.run(silent)
    training.env.close()
    assert len(asked) > 2 and set(asked) == {"pybullet"}
    rows, other = (
        RunFolder(p).read_tensors("replay.safetensors") for p in (tmp_path / "bullet", whole[0])
    )
    assert rows.keys() == other.keys()
    assert any(not torch.equal(rows[key], other[key]) for key in rows)


@pytest.mark.bullet
@pytest.mark.slow
def test_a_killed_run_in_pybullet_resumes_to_the_same_numbers(
    furuta: RobotSpec, tmp_path: Path
) -> None:
    config = replace(TINY, backend="pybullet")
    pretraining(furuta, tmp_path / "whole", config).run(silent)
    kill_and_resume(furuta, tmp_path / "killed", config, 4)
    same_run(tmp_path / "whole", tmp_path / "killed")
