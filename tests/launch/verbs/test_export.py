"""Choosing the planner on the command line."""

import pytest
import tyro

from launch.verbs.export import Settings
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.planners.search.icem import IcemConfig


def test_the_planner_is_a_word_and_its_settings_stand_under_that_word() -> None:
    args = ["--run", "r", "--planner", "icem", "--icem.beta", "1.5", "--cem.horizon", "9"]
    config = tyro.cli(Settings, args=args).config
    assert config.chosen == IcemConfig(beta=1.5)
    assert tyro.cli(Settings, args=["--run", "r"]).config.chosen == CemConfig()


def test_an_unknown_planner_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(Settings, args=["--run", "r", "--planner", "ilqr"])
    assert "icem" in capsys.readouterr().err
