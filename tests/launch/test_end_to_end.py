"""The whole path with a tiny training: pretrain, export, deploy, collect, finetune, report."""

import json
import shlex
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from launch.main import main

TRAINING = "--updates 400 --num-envs 32 --warmup-steps 800 --checkpoint-every 200"
MODEL = "--fit.steps 100 --agent.imagination.branches 100 --agent.ensemble.hidden 16"
TINY = f"{TRAINING} --evaluation-worlds 8 {MODEL}".split()
PLANNER = shlex.split("--cem.horizon 3 --cem.candidates 16 --cem.proposals 8")
FINETUNE = shlex.split("--fit.steps 100 --fit.check-every 25 --updates 50 --real-shares 1.0")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with a pretrained run, its controller and episodes: of four, one is kept out."""
    home = tmp_path_factory.mktemp("path")
    # so short a training may well learn nothing, which is 4
    assert main(["pretrain", "--robot", "furuta", "--out", str(home / "run"), *TINY]) in (0, 4)
    assert (
        main(["export", "--run", str(home / "run"), "--out", str(home / "c.onnx"), *PLANNER]) == 0
    )
    common = ["--robot", "furuta", "--policy", "random", "--exploration", "0.1"]
    more = ["--port", "mock:heavy", "--episodes", "4", "--seconds", "2", "--keep-going"]
    assert main(["collect", *common, *more, "--out", str(home / "episodes")]) == 0
    return home


def finetune(home: Path, out: str, *more: str) -> int:
    args = ["--run", str(home / "run"), "--episodes", str(home / "episodes"), "--json"]
    return main(["finetune", *args, "--out", str(home / out), *more])


@pytest.mark.slow
def test_pretraining_leaves_scalars_and_refuses_a_finished_run(home, capsys):
    assert list((home / "run" / "tensorboard").glob("events.*"))
    assert main(["pretrain", "--out", str(home / "run"), *TINY]) == 1
    assert "holds a finished run" in capsys.readouterr().err


@pytest.mark.slow
def test_an_unfinished_run_only_goes_on_with_the_same_settings(home, tmp_path, capsys):
    state = json.loads((home / "run" / "state.json").read_text()) | {"finished": False}
    (tmp_path / "state.json").write_text(json.dumps(state))
    (tmp_path / "config.json").write_bytes((home / "run" / "config.json").read_bytes())
    assert main(["pretrain", "--out", str(tmp_path), *TINY, "--agent.sac.lr", "0.5"]) == 1
    assert "agent.config.sac.lr: the run has 0.001, asked for 0.5" in capsys.readouterr().err


@pytest.mark.slow
def test_the_exported_controller_flies_on_the_mock(home, capsys):
    args = ["--controller", str(home / "c.onnx"), "--port", "mock:heavy", "--seconds", "0.5"]
    assert main(["deploy", *args, "--record", str(home / "deployed"), "--json"]) in (0, 3)
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["episodes"][0]["ticks"] > 5


@pytest.mark.slow
def test_finetuning_leaves_a_run_with_its_lineage_and_a_report(home, capsys):
    assert finetune(home, "real", *FINETUNE) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["accepted"] and result["error_after_rad"] < result["error_before_rad"]
    lineage = json.loads((home / "real" / "config.json").read_text())["lineage"]
    assert lineage["run"] == "../run" and not lineage["rolled_back"]
    assert len(lineage["episodes"]) == 4
    assert all(len(digest) == 64 for digest in lineage["episodes"].values())
    assert main(["report", "--run", str(home / "real")]) == 0
    page = (home / "real" / "report.html").read_text()
    assert page.count("<svg") == 7  # learning, error, four episodes, timing
    assert "accepted" in page and "<script" not in page and "http-equiv" not in page
    assert finetune(home, "real", *FINETUNE) == 1  # never overwritten
    assert "holds a run already" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_is_no_better_is_rejected_and_the_parent_stays(home, capsys):
    """With a learning rate of 0 a second finetuning on the same episodes changes nothing."""
    assert finetune(home, "once", *FINETUNE) == 0
    episodes = ["--episodes", str(home / "episodes"), "--out", str(home / "twice")]
    idle = [*FINETUNE, "--fit.lr", "0"]
    assert main(["finetune", "--run", str(home / "once"), *episodes, *idle]) == 4
    assert "REJECTED and rolled back" in capsys.readouterr().out
    assert json.loads((home / "twice" / "config.json").read_text())["lineage"]["rolled_back"]
    before = load_file(home / "once" / "weights.safetensors")
    after = load_file(home / "twice" / "weights.safetensors")
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


@pytest.mark.slow
def test_what_was_made_with_relative_paths_is_found_from_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also under other names of the same episodes: what a model learned from is no test of it."""
    monkeypatch.chdir(home)
    names = ["--run", "run", "--episodes", "episodes", "--out", "made of relative paths"]
    assert main(["finetune", *names, *FINETUNE]) == 0
    monkeypatch.chdir(tmp_path)
    made = home / "made of relative paths"
    assert main(["report", "--run", str(made), "--out", "mine.html"]) == 0
    page = (tmp_path / "mine.html").read_text()
    assert "Learning in simulation" in page  # its parent's
    assert page.count("<details") == 4  # the episodes that it learned from
    assert "on 1 episodes that the model did not learn from" in page
    monkeypatch.chdir(home)
    given = ["--run", str(made), "--episodes", "episodes", "--out", str(tmp_path / "again.html")]
    assert main(["report", *given]) == 0
    assert "on 1 episodes that the model did not" in (tmp_path / "again.html").read_text()
