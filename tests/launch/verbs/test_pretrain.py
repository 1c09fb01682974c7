"""The end of `robot-mbrl pretrain`: what was learned, or that nothing was."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from launch.main import main
from launch.verbs import pretrain as verb
from robot_mbrl.envs.episodes import EvaluationReport
from robot_mbrl.envs.unlearned import UnlearnedReport
from robot_mbrl.learning.pretrain import PretrainReport

NONE = np.zeros(4, bool)
UNLEARNED = UnlearnedReport(
    EvaluationReport(NONE, np.full(4, 20.0), NONE), EvaluationReport(NONE, np.full(4, 9.0), NONE)
)


def ending(monkeypatch: pytest.MonkeyPatch, success: float, mean_return: float) -> None:
    evaluation = {"success": success, "return": mean_return, "episodes": 4.0, "terminated": 0.0}
    fit: Any = SimpleNamespace(holdout_nll=np.zeros(2))
    unlearned = None if success else UNLEARNED
    report = PretrainReport(evaluation, fit, 1000, unlearned)
    monkeypatch.setattr(verb, "pretrain_here", lambda *_: report)


def test_a_policy_no_better_than_none_says_so_and_exits_with_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ending(monkeypatch, 0.0, 19.0)
    assert main(["pretrain", "--out", str(tmp_path / "run"), "--json"]) == 4
    out, err = capsys.readouterr()
    assert "NOTHING LEARNED" in err
    assert "19 is no better than doing nothing (20) or random actions (9)" in err
    for hint in ("--updates", "--randomization none", "command_speed_rad_s", "target"):
        assert hint in err
    assert json.loads(out.splitlines()[-1])["learned"] is False


@pytest.mark.parametrize(("success", "mean_return"), [(0.0, 30.0), (0.1, 5.0)])
def test_some_success_or_a_better_return_is_well(
    success: float, mean_return: float, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    ending(monkeypatch, success, mean_return)
    assert main(["pretrain", "--out", str(tmp_path / "run")]) == 0
    assert "NOTHING LEARNED" not in capsys.readouterr().err
