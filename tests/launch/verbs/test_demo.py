"""The demo opens no device for a controller that the other engine rejects."""

import sys
from pathlib import Path

import pytest

from launch.main import main
from launch.verbs.demo import judging_engine

UNTRAINED = [
    *("--pretraining.updates", "8", "--pretraining.num-envs", "8"),
    *("--pretraining.warmup-steps", "800", "--pretraining.fit.steps", "5"),
    *("--pretraining.alarm-worlds", "2", "--pretraining.evaluation-worlds", "2"),
    *("--gate-worlds", "2", "--port", "/dev/no-such-device"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("gate", "code", "said"), [("0.5", 4, "stays closed"), ("0", 1, "open")])
def test_an_untrained_controller_reaches_the_device_only_ungated(
    tmp_path: Path, gate: str, code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Opening the missing device is an error of its own, so it shows whether it was tried."""
    assert main(["demo", "--out", str(tmp_path / "demo"), "--gate", gate, *UNTRAINED]) == code
    printed = capfd.readouterr()
    assert said in printed.out + printed.err
    assert ("NOT passed" in printed.out) == (gate != "0")


def test_without_pybullet_unseen_worlds_of_mujoco_decide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)
    assert judging_engine() == "mujoco"
    assert "pip install '.[bullet]'" in capsys.readouterr().out
