"""`robot-mbrl analyze` on a small run that learned nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from launch.main import main
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import fit_normalizers
from robot_mbrl.runs.agent_state import create_run, save_agent
from robot_mbrl.runs.lineage import hash_file
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.tasks import make_task

CONFIG = MbpoConfig(
    sac=SacConfig(actor_hidden=5, critic_hidden=6, gamma=0.8),
    ensemble=EnsembleConfig(members=3, hidden=7),
)
QUICK = ["--worlds", "4", "--horizon", "12", "--starts", "50", "--false-alarm-rate", "0.4"]


def make_run(path: Path, spec: RobotSpec, **more: object) -> Path:
    agent = Mbpo(ObservationLayout.from_spec(spec), make_task(spec), CONFIG, 60, seed=3)
    rng, size = np.random.default_rng(0), agent.layout.size
    obs = rng.standard_normal((2, 50, size)).astype(np.float32)
    action = rng.uniform(-1, 1, (50, 1)).astype(np.float32)
    zero = np.zeros(50, np.float32)
    agent.real.add(Transitions(obs[0], action, obs[1], zero, zero > 0))
    fit_normalizers(agent.model, agent.real.all())
    agent.model.elites = torch.tensor([0, 2])
    folder = RunFolder(path)
    create_run(folder, spec, CONFIG, 3, **more)
    save_agent(folder, agent)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", load_robot("furuta"))


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short episodes of the mock."""
    folder = tmp_path_factory.mktemp("episodes")
    args = ["--robot", "furuta", "--port", "mock", "--episodes", "3", "--seconds", "0.8"]
    args += ["--exploration", "0.1"]  # far from its limits
    assert main(["collect", "--policy", "random", *args, "--out", str(folder)]) == 0
    return folder


def test_simulated_worlds_give_every_number_and_picture(run, tmp_path, capsys):
    assert main(["analyze", "--run", str(run), "--out", str(tmp_path), "--json", *QUICK]) == 0
    numbers = json.loads((tmp_path / "analysis.json").read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["coverage"] == numbers["coverage"]
    assert np.shape(numbers["growth"]["members"]) == (3, 12, 4)
    assert numbers["growth"]["elites"] == [0, 2]
    for curve in ("with_value", "without_value", "true_states", "bias_with_value"):
        assert np.shape(numbers["returns"][curve]) == (12,)
    assert np.shape(numbers["coverage"]["calibrated"]["curve"]) == (21, 2)
    assert {a["threshold"]["per"] for a in numbers["alarms"]} == {"tick", "episode"}
    assert all(a["threshold"]["guarantee"] for a in numbers["alarms"])
    assert numbers["novelty"]["names"][0] == "replay buffer"
    assert any("no iterations" in n for n in numbers["notes"])
    page = (tmp_path / "analysis.html").read_text()
    assert page.count("<svg") == 4  # a single run has no picture of its drift
    assert "<script" not in page and "src=" not in page
    for title in ("Error growth", "Return estimate", "Disagreement", "Coverage", "Thresholds"):
        assert f"<h2>{title}</h2>" in page
    assert not list(run.glob("analysis*"))  # --out alone was written to


@pytest.mark.slow
def test_the_seed_and_the_sizes_change_the_numbers(run, tmp_path):
    def coverage(*more: str) -> dict:
        assert main(["analyze", "--run", str(run), "--out", str(tmp_path), *QUICK, *more]) == 0
        return json.loads((tmp_path / "analysis.json").read_text())

    base, again, other = coverage(), coverage(), coverage("--seed", "1", "--level", "0.5")
    assert base == again
    assert base["growth"]["mean"] != other["growth"]["mean"]
    assert other["coverage"]["level"] == 0.5
    assert other["coverage"]["calibrated"]["scale"] != base["coverage"]["calibrated"]["scale"]


@pytest.mark.slow
def test_recorded_episodes_say_what_they_are_too_few_or_short_for(run, episodes, tmp_path, capsys):
    args = ["--run", str(run), "--episodes", str(episodes), "--out", str(tmp_path)]
    assert main(["analyze", *args, "--horizon", "30"]) == 0
    numbers = json.loads((tmp_path / "analysis.json").read_text())
    assert numbers["source"] == "3 recorded episodes" and numbers["episodes"] == 3
    assert numbers["growth"]["starts"] > 0
    assert all(a["threshold"]["limit"] is None for a in numbers["alarms"])
    assert any("2 episodes cannot bound a rate of 0.05" in n for n in numbers["notes"])
    assert main(["analyze", *args, "--horizon", "60"]) == 0
    numbers = json.loads((tmp_path / "analysis.json").read_text())
    assert numbers["growth"] is numbers["returns"] is numbers["lineage_error"] is None
    assert any(n.startswith("error growth: not measured") for n in numbers["notes"])
    assert "no segment has 60 ticks" in (tmp_path / "analysis.html").read_text()


@pytest.mark.slow
def test_a_line_of_runs_is_drawn_and_what_it_learned_from_is_left_out(run, episodes, tmp_path):
    names = sorted(str(f) for f in episodes.glob("*.mcap"))
    lineage = {"run": str(run), "episodes": {n: hash_file(Path(n)) for n in names}}
    child = make_run(tmp_path / "child", load_robot("furuta"), lineage=lineage)
    RunFolder(child).write_json("finetune.json", {"holdout_episodes": names[:2]})
    args = ["analyze", "--run", str(child), "--episodes", str(episodes), "--horizon", "20"]
    assert main(args) == 0
    numbers = json.loads((child / "analysis.json").read_text())
    assert numbers["episodes"] == 2 and "1 that the run learned from" in numbers["source"]
    assert "2 of them chose among its candidates" in numbers["source"]
    assert numbers["lineage_error"]["runs"] == [str(run), str(child)]
    assert (child / "analysis.html").read_text().count("<svg") == 5


def test_bad_input_is_one_message(run, tmp_path, capsys):
    assert main(["analyze", "--run", str(tmp_path / "none")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main(["analyze", "--run", str(run), "--episodes", str(tmp_path)]) == 1
    assert "no .mcap files" in capsys.readouterr().err
    assert (
        main(["analyze", "--run", str(run), "--out", str(tmp_path), *QUICK, "--level", "90"]) == 1
    )
    assert "between 0 and 1" in capsys.readouterr().err
