"""Numbers that no option takes are refused before anything begins, for every command."""

import dataclasses
import importlib

import pytest

from launch.check_settings import check_settings
from launch.main import BENCH_MENU, VERB_MENU, main

COMMANDS = [
    menu.module(name) for menu in (VERB_MENU, BENCH_MENU) for name in menu.lines if name != "bench"
]


@pytest.mark.parametrize("module", COMMANDS)
def test_defaults_of_every_command_pass(module):
    settings = importlib.import_module(module).Settings
    needed = [
        f.name
        for f in dataclasses.fields(settings)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    check_settings(settings(**dict.fromkeys(needed)))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--seconds", "nan", "--seconds: expected a finite number, got nan"),
        ("--seconds", "-inf", "--seconds: expected a finite number, got -inf"),
        ("--episodes", str(2**70), "--episodes: expected a number up to 2**53"),
        ("--episodes", "-1", "--episodes: expected 0 or more, got -1"),
        ("--seed", "-7", "--seed: expected 0 or more, got -7"),
        ("--seconds", "1e300", "--seconds: expected a number up to 2**53"),
    ],
)
def test_what_no_option_takes(capsys, tmp_path, option, value, message):
    args = ["--robot", "furuta", "--port", "mock", "--out", str(tmp_path / "e"), option, value]
    assert main(["collect", "--policy", "random", *args]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


def test_numbers_within_settings_within_settings_and_tuples(capsys, tmp_path):
    args = ["pretrain", "--out", str(tmp_path / "run"), "--agent.sac.target-entropy", "nan"]
    assert main(args) == 1
    assert "--agent.sac.target-entropy: expected a finite number" in capsys.readouterr().err
    args = ["deploy", "--controller", "x.onnx", "--port", "mock", "--goal", "0", "nan"]
    assert main(args) == 1
    assert "--goal: expected a finite number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["pretrain", "--num-envs", "0"], "num_envs: expected 1 to 1e+06, got 0"),
        (["pretrain", "--checkpoint-every", "0"], "checkpoint_every: expected 1 to"),
        (["pretrain", "--updates-per-step", "0"], "updates_per_step: expected 1 to"),
        (["pretrain", "--agent.ensemble.hidden", "1000000"], "hidden: expected 1 to 4096"),
        (["pretrain", "--fit.batch", "0"], "batch: expected 1 to"),
        (["finetune", "--run", "r", "--episodes", "e", "--lr", "0"], "lr: expected"),
        (["export", "--run", "r", "--cem.candidates", "0"], "candidates: expected 1 to"),
        (["analyze", "--run", "r", "--worlds", "0"], "worlds: expected 2 to"),
    ],
)
def test_counts_that_make_nothing(args, message, capsys, tmp_path):
    assert main([*args, "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
