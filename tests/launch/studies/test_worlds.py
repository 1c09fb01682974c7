"""`bench worlds` measures the actors that are asked for, and no others."""

from pathlib import Path

import pytest

from launch.main import main
from launch.studies.worlds import Settings, measure_worlds

TINY = [
    *("--updates", "8", "--num-envs", "8", "--warmup-steps", "800"),
    *("--fit.steps", "5", "--alarm-worlds", "2", "--evaluation-worlds", "2"),
]


@pytest.mark.slow
def test_only_the_actors_asked_for_and_repeatable(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["pretrain", "--out", str(run), *TINY]) == 0
    alone = measure_worlds(Settings(run=run, worlds=4, actors=("policy",)))
    both = measure_worlds(Settings(run=run, worlds=4))
    assert set(alone) == {"policy", "worlds"}
    assert set(both) == {"policy", "planner", "worlds"}
    assert alone["policy"] == both["policy"]  # the same worlds
    other = measure_worlds(Settings(run=run, worlds=4, actors=("policy",), seed=7))
    assert other["policy"] != alone["policy"]
    wide = tmp_path / "wide.onnx"
    assert main(["export", "--run", str(run), "--out", str(wide), "--cem.sigma", "0.5"]) == 0
    planned = measure_worlds(Settings(run=run, worlds=4, actors=("planner",), controller=wide))
    assert planned["planner"] != both["planner"]
