"""The ablation of randomization in miniature: what is trained, evaluated and used again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import launch.studies.randomization as bench
from launch.studies.randomization import Settings
from robot_mbrl.agents.mbpo import MbpoConfig
from robot_mbrl.contract.errors import DataError, SpecError
from robot_mbrl.learning.actors import PolicyController, actor_policy
from robot_mbrl.learning.pretrain import PretrainConfig
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import RunFolder

SMALL = PretrainConfig(
    num_envs=16,
    warmup_steps=500,
    evaluation_worlds=2,
    alarm_worlds=4,
    agent=MbpoConfig(ensemble=EnsembleConfig(hidden=16), real_share=1.0),
    fit=FitConfig(steps=50),
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        out=tmp_path_factory.mktemp("bench") / "out",
        kinds=("none", "fixed"),
        realities=("worn",),
        actors=("policy",),
        updates=80,
        episodes=2,
        seconds=1.0,
    )


@pytest.fixture(scope="module")
def rows(settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.measure_randomization(settings, SMALL)["rows"]
    return found


@pytest.mark.slow
def test_each_kind_is_trained_and_evaluated(
    settings: Settings, rows: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [(r["randomization"], r["actor"], r["reality"], r["episodes"]) for r in rows]
    assert cases == [(k, "policy", "worn", 2) for k in ("none", "fixed")]
    assert rows[0]["return"] != rows[1]["return"]
    assert json.loads((settings.out / "randomization.json").read_text()) == rows
    for kind in ("none", "fixed"):
        head = RunFolder(settings.out / f"{kind}-0").read_json("config.json")["pretraining"]
        assert (head["randomization"], head["updates"], head["seed"]) == (kind, 80, 0)
    bench.print_randomization(settings, rows)
    [shown] = [line.split() for line in capsys.readouterr().out.splitlines() if "none" in line]
    assert shown == ["none", "policy", "0%,", "return", f"{rows[0]['return']:.1f}"]


@pytest.mark.slow
def test_the_planner_is_evaluated_beside_the_policy(
    settings: Settings, rows: list[dict[str, Any]]
) -> None:
    both = replace(settings, kinds=("none",), actors=("policy", "planner"))
    policy, planner = bench.measure_randomization(both, SMALL)["rows"]
    assert policy == rows[0]
    assert planner["actor"] == "planner"
    assert planner["return"] != policy["return"]


@pytest.mark.slow
def test_what_is_finished_is_used_again_and_the_rest_done(
    settings: Settings, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("done twice")

    (settings.out / "fixed-0" / "policy-worn-2.json").unlink()
    monkeypatch.setattr(bench, "pretrain", never)
    monkeypatch.setattr(bench, "export_run", never)
    again = bench.measure_randomization(settings, SMALL)["rows"]
    assert again == rows
    with pytest.raises(DataError, match="updates: the run has 80, asked for 81"):
        bench.measure_randomization(replace(settings, updates=81), SMALL)


@pytest.mark.slow
def test_the_policy_alone_is_the_average_actor(
    settings: Settings, rows: list[dict[str, Any]]
) -> None:
    agent, _ = load_agent(settings.out / "fixed-0")
    obs = np.random.default_rng(0).uniform(-1, 1, agent.real.all().obs.shape[1])
    output = PolicyController(agent.policy()).act(obs)
    np.testing.assert_array_equal(output.action, actor_policy(agent.sac.average)(obs[None])[0])
    assert np.abs(output.action).max() > 0


def test_an_unknown_reality_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="hevy"):
        bench.measure_randomization(Settings(out=tmp_path, realities=("hevy",)))
    assert not list(tmp_path.iterdir())
