"""Learning from scratch that is killed goes on to the same numbers, bit for bit."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import DataError
from robot_mbrl.runs.run_folder import CHECKPOINT, RunFolder
from tests.support.killed_learner import CASES, learning
from tests.support.slide_env import FULL, Slide, mbpo

ROOT = Path(__file__).parents[2]


def silent(*_: Any) -> None:
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs that nothing interrupts."""
    paths = {case: tmp_path_factory.mktemp("whole") for case in CASES}
    for case, path in paths.items():
        learning(case, path).run(silent)
    return paths


def same_end(a: Path, b: Path) -> None:
    """Everything but the time that it took."""
    first, second = (RunFolder(p).read_tensors(CHECKPOINT) for p in (a, b))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    ends = [RunFolder(p).read_state(CHECKPOINT) for p in (a, b)]
    for state in ends:
        assert state["loop"].pop("cpu_s") > 0
        for record in state["loop"]["evaluations"]:
            record.pop("cpu_s")
    assert ends[0] == ends[1]
    assert ends[0]["loop"]["done"] == FULL.steps


class KilledError(Exception):
    """Stands for kill -9 where a whole process would take too long."""


def killed_at(last: int) -> Any:
    def die(step: int, total: int, numbers: dict[str, float]) -> None:
        if step == last:
            raise KilledError

    return die


def test_killed_by_sigkill_it_goes_on_to_the_same_numbers(
    whole: dict[str, Path], tmp_path: Path
) -> None:
    """One agent: what each of them must remember, the kills within this process show below."""
    case, step = "mbpo", 47
    command = [sys.executable, "-m", "tests.support.killed_learner", str(tmp_path), case, str(step)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    died = subprocess.run(command, cwd=ROOT, env=env, check=False)
    assert died.returncode == -signal.SIGKILL
    assert RunFolder(tmp_path).read_state(CHECKPOINT)["loop"]["done"] == step // 10 * 10
    learning(case, tmp_path).run(silent)
    same_end(whole[case], tmp_path)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("steps", [(5,), (33,), (40, 41, 59), (60,)])
def test_killed_anywhere_and_often_it_goes_on_to_the_same_numbers(
    case: str, steps: tuple[int, ...], whole: dict[str, Path], tmp_path: Path
) -> None:
    for step in steps:
        with pytest.raises(KilledError):
            learning(case, tmp_path).run(killed_at(step))
    learning(case, tmp_path).run(silent)
    same_end(whole[case], tmp_path)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = os.replace, [0]

    def dying(*args: Any) -> None:
        calls[0] += 1
        if calls[0] == 4:
            raise KilledError
        replace(*args)

    with monkeypatch.context() as patch:
        patch.setattr("robot_mbrl.contract.files.whole_file.os.replace", dying)
        with pytest.raises(KilledError):
            learning("mbpo", tmp_path).run(silent)
    assert RunFolder(tmp_path).read_state(CHECKPOINT)["loop"]["done"] == 30
    learning("mbpo", tmp_path).run(silent)
    same_end(whole["mbpo"], tmp_path)


def test_the_runs_use_what_they_must_remember(whole: dict[str, Path]) -> None:
    """Or the tests above would pass without it."""
    state = RunFolder(whole["mbpo"]).read_state(CHECKPOINT)
    loop = state["loop"]
    assert loop["trials"] and loop["fits"]["drifts"] and loop["fits"]["fresh_errors"]
    assert state["agent"]["relative_error"] and state["added"]["imagined"] > 0
    tensors = RunFolder(whole["pets, ts1"]).read_tensors(CHECKPOINT)
    assert len(tensors["plan.noise"]) and len(tensors["plan.plan"]) and len(tensors["plan.kept"])
    tensors = RunFolder(whole["mbpo, learned task"]).read_tensors(CHECKPOINT)
    assert "network.task.reward_net.layers.0.weight" in tensors


def test_another_machine_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        learning("mbpo", tmp_path).run(killed_at(41))
    with pytest.raises(DataError, match="not deterministic or not the same"):
        learning("mbpo", tmp_path, env=Slide(breaks_at=0)).run(silent)


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        learning("mbpo", tmp_path).run(killed_at(41))
    small = learning("mbpo", tmp_path)
    small.agent = mbpo(3, steps=20)
    with pytest.raises(DataError, match=r"real rows \(40, 7\), expected at most \(20, 7\)"):
        small.run(silent)


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    run = learning("mbpo", tmp_path / "unused")
    run.folder = None
    run.run(silent)
    assert not list(tmp_path.iterdir())
    assert np.isfinite(run.cpu_s)
