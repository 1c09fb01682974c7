"""The gate between simulators: a verdict, an exit code, and no verdict on nonsense."""

import json
from typing import Any

import numpy as np
import pytest

from launch.main import main
from launch.verbs.sim2sim import Settings, evaluate_in_processes
from robot_mbrl.contract import load_robot
from robot_mbrl.learning.gate import PART, GateConfig


def verdict(capsys: pytest.CaptureFixture[str], controller: Any, *more: str) -> tuple[int, Any]:
    args = ["--controller", str(controller), "--worlds", "2", "--processes", "1", "--json", *more]
    code = main(["sim2sim", *args])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.bullet
def test_what_does_not_reach_the_share_is_rejected(controller, capsys) -> None:
    """The tiny controller of these tests swings nothing up."""
    code, result = verdict(capsys, controller)
    assert code == 4
    assert result["success"] == 0.0 and result["passed"] is False
    assert result["backend"] == "pybullet" and result["worlds"] == 2


@pytest.mark.parametrize("backend", ["mujoco", "pybullet"])
def test_what_reaches_the_share_passes(backend: str, controller, capsys) -> None:
    code, result = verdict(capsys, controller, "--backend", backend, "--pass-at", "0")
    assert code == 0
    assert result["passed"] is True and result["backend"] == backend


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--worlds", "0"], "worlds: expected at least 1, got 0"),
        (["--pass-at", "90"], "pass_at: expected a share from 0 to 1, got 90.0"),
        (["--robot", "simple_pendulum"], "simple_pendulum"),
    ],
)
def test_nonsense_is_an_error(option: list[str], message: str, controller, capsys) -> None:
    assert main(["sim2sim", "--controller", str(controller), *option]) == 1
    assert message in capsys.readouterr().err


def test_an_unknown_engine_is_wrong_usage(controller, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sim2sim", "--controller", str(controller), "--backend", "havok"])
    assert ended.value.code == 2
    assert "pybullet" in capsys.readouterr().err


@pytest.mark.slow
def test_the_number_of_processes_changes_no_number(controller) -> None:
    config, spec = GateConfig(worlds=PART + 1), load_robot("furuta")
    runs = [
        evaluate_in_processes(
            Settings(controller=controller, config=config, backend="mujoco", processes=n), spec
        )
        for n in (1, 2)
    ]
    np.testing.assert_array_equal(runs[0].returns, runs[1].returns)
    assert len(set(runs[0].returns.tolist())) == PART + 1
