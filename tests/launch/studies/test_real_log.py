"""The real-log benchmark: its parts, and a small version from end to end."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from launch.studies.real_log import print_errors, run_real_log
from launch.studies.real_log_models import (
    Bench,
    RealLogConfig,
    bench_real_log,
    by_run,
    only,
    over_seeds,
    pool,
    read_runs,
)
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.windows import Windows
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.models.judging.open_loop import OpenLoopError

LOGS = Path(__file__).parents[2] / "data" / "realaigym_simple_pendulum"
SPEC = load_robot("simple_pendulum")
SMALL = RealLogConfig(
    seeds=(0,),
    worlds=150,
    world_ticks=150,
    one_step=FitConfig(steps=400, check_every=100),
    multi_step=FitConfig(steps=120, check_every=40, multistep_weight=1.0, multistep_cap=3.0),
    finetune=FinetuneConfig(fit=dataclasses.replace(FinetuneConfig().fit, steps=250)),
)


def error(*values: float) -> OpenLoopError:
    q = np.array(values)[:, None, None]
    return OpenLoopError(q, 2 * q)


def test_pooling_counts_windows_not_runs() -> None:
    pooled = pool({"long": error(1, 1, 1), "short": error(3)})
    assert pooled["rms_rad"] == pytest.approx(np.sqrt(12 / 4))
    assert pooled["rms_rad_s"] == pytest.approx(2 * np.sqrt(3))
    assert pooled["median_rad"] == 1


def test_over_seeds_gives_mean_and_range() -> None:
    seeds = [{"run": {"nominal": {"rms_rad": x}}} for x in (1.0, 2.0, 6.0)]
    assert over_seeds(seeds)["run"]["nominal"]["rms_rad"] == {"mean": 3.0, "low": 1.0, "high": 6.0}


def test_the_known_pushes_are_found_and_rest_is_not_disturbed() -> None:
    """The log's notes name pushes near 7 s and from 10 to 12 s; from 20 s on it hangs still."""
    segments = read_runs(SPEC, LOGS, ("pd_1nm_failure",))["pd_1nm_failure"]
    found = Bench(SPEC, SMALL, {}).disturbed(segments)
    assert len(found) == len(Windows.cut(segments, 25))
    assert found[round(6.8 * 50)]
    assert found[round(10.1 * 50) : round(11.5 * 50)].all()
    assert not found[20 * 50 :].any()


def test_windows_are_at_rest_or_moving_and_those_that_are_pushed_are_neither() -> None:
    runs = read_runs(SPEC, LOGS, ("pd_1nm_failure",))
    windows = {n: Windows.cut(s, 25) for n, s in runs.items()}
    kinds = Bench(SPEC, SMALL, {}).kinds(runs, windows)
    kinds = {k: v["pd_1nm_failure"] for k, v in kinds.items()}
    rest, moving = kinds["undisturbed, at rest"], kinds["undisturbed, moving"]
    assert kinds["all"].all()
    assert not (rest & moving).any()
    np.testing.assert_array_equal(rest | moving, kinds["undisturbed"])
    assert rest[20 * 50 :].all()


def test_no_kind_of_window_where_a_run_has_none() -> None:
    seed = {"nominal": {"a": error(1, 2), "b": error(3)}}
    left = only(seed, {"a": np.array([False, True]), "b": np.array([False])})
    assert pool(left["nominal"])["rms_rad"] == 2
    assert set(by_run(left)) == {"a", "pooled"}


@pytest.mark.parametrize("dry_friction", [False, True])
def test_ensembles_have_dry_friction_where_the_settings_say_so(dry_friction: bool) -> None:
    bench = Bench(SPEC, dataclasses.replace(SMALL, dry_friction=dry_friction), {})
    assert bench.fresh(0).dry_friction == dry_friction


def test_no_training_run_is_a_test_run() -> None:
    config = RealLogConfig()
    assert not set(config.train_runs) & set(config.test_runs)


def test_missing_logs_and_no_seeds_are_clear_errors(tmp_path) -> None:
    with pytest.raises(DataError, match="pd_system_identification"):
        run_real_log("simple_pendulum", tmp_path, (0,))
    with pytest.raises(DataError, match="no seeds"):
        run_real_log("simple_pendulum", LOGS, ())


@pytest.mark.slow
def test_a_small_version_finetuned_beats_pretrained_and_scratch(capsys) -> None:
    result = bench_real_log(SPEC, LOGS, SMALL, lambda *_: None)
    assert result["seeds"][0]["accepted"]
    for kind in ("all", "undisturbed"):
        pooled = result["errors"][kind]["pooled"]
        for measure in ("rms_rad", "rms_rad_s"):
            tuned = pooled["finetuned"][measure]["mean"]
            assert tuned < pooled["pretrained"][measure]["mean"], (kind, measure, pooled)
            assert tuned < pooled["scratch"][measure]["mean"], (kind, measure, pooled)
    print_errors("all", result["errors"]["all"], result["windows"]["all"], 1)
    assert "finetuned" in capsys.readouterr().out
