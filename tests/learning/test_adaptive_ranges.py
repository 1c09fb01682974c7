"""Ranges widen where a policy succeeds and narrow where it fails."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.description.calibration import check_calibration
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.contract.parameters.variation import Variation
from robot_mbrl.learning.adaptive_ranges import (
    AutomaticConfig,
    AutomaticRanges,
    without_randomization,
)
from robot_mbrl.learning.pretrain import Pretraining
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.tasks.furuta import FurutaSwingUp
from tests.learning.test_pretrain import (
    TINY,
    kill_and_resume,
    make_env,
    pretraining,
    same_run,
    silent,
)

MASS, FRICTION, SUPPLY = "links.arm.mass", "joints.arm.friction", "actuators.motor.supply"
NOISE, LATENCY = "sensors.noise_counts", "actuators.motor.latency_ms"
CONFIG = AutomaticConfig(worlds=8, episodes=4, step=0.25)


@dataclass(frozen=True)
class KeepStill(FurutaSwingUp):
    """Succeed by keeping the arm within its limit."""

    arm_limit_rad: float = 0.3
    hold_s: float = 0.1
    episode_s: float = 3.0

    def at_goal(self, obs: Any) -> Any:
        """Everywhere."""
        return np.ones(len(obs), bool)


def ranges(spec: RobotSpec, given: dict[str, Variation], **changes: Any) -> AutomaticRanges:
    return AutomaticRanges(replace(spec, randomization=given), replace(CONFIG, **changes))


def look(ranges: AutomaticRanges, action: float, times: int, seed: int = 0) -> None:
    """Let a policy that always does the same act at the boundaries."""
    task = KeepStill(ObservationLayout.from_spec(ranges.spec))

    def make(spec: RobotSpec, count: int, **settings: Any) -> Any:
        return sim.make_vec_env(spec, count, task=task, threads=1, **settings)

    for k in range(times):
        ranges.evaluate_boundaries(make, lambda obs: np.full((len(obs), 1), action), task, seed + k)


def ends(ranges: AutomaticRanges, path: str) -> tuple[float, float]:
    now = ranges.variations()[path]
    return now.low, now.high


@pytest.fixture
def two(furuta: RobotSpec) -> AutomaticRanges:
    return ranges(furuta, {MASS: Variation(0.8, 1.4), FRICTION: Variation(0.5, 2.0, "log-uniform")})


def test_training_starts_with_the_nominal_robot(two: AutomaticRanges) -> None:
    assert ends(two, MASS) == ends(two, FRICTION) == (1.0, 1.0)
    assert two.mean_extent == 0.0


def test_a_policy_that_succeeds_widens_every_range_as_far_as_allowed(
    two: AutomaticRanges,
) -> None:
    look(
        two, 0.0, times=4
    )  # 8 worlds, 4 boundaries of 4 episodes: every second round may move them
    assert ends(two, MASS) == pytest.approx((0.9, 1.2))
    assert ends(two, FRICTION) == pytest.approx((0.5**0.5, 2**0.5))
    assert two.mean_extent == 0.5
    for _ in range(20):
        two.take_results(np.repeat(np.arange(4), 4), np.ones(16))
    assert ends(two, MASS) == pytest.approx((0.6, 1.8))
    assert ends(two, FRICTION) == pytest.approx((0.25, 4.0))


def test_a_policy_that_fails_narrows_them_to_the_nominal_robot(two: AutomaticRanges) -> None:
    for boundary in two.boundaries:
        boundary.extent = 0.6
    look(two, 1.0, times=2)
    assert two.mean_extent == pytest.approx(0.35)
    look(two, 1.0, times=4)
    assert ends(two, MASS) == ends(two, FRICTION) == (1.0, 1.0)


def test_a_range_ends_where_the_policy_begins_to_fail(furuta: RobotSpec) -> None:
    """A small constant voltage, which dry friction holds down to 0.62 of what it is. Below, the arm
    slides at 0.8 rad/s times what is missing: to its limit within the episode from 0.5 on."""
    found = ranges(furuta, {FRICTION: Variation(0.25, 4.0, "log-uniform")}, step=0.1, widest=1.0)
    stall_nm_v = 0.042 / 8.4
    volts = 0.62 * 3e-4 / stall_nm_v
    look(found, volts / 5.0, times=14)
    low, high = ends(found, FRICTION)
    assert 0.4 < low < 0.62
    assert high == pytest.approx(4.0)


def test_one_world_is_at_one_boundary_and_within_the_ranges_otherwise(
    two: AutomaticRanges,
) -> None:
    for boundary in two.boundaries:
        boundary.extent = 1.0
    chosen = two.take_turns(400)
    given = two.parameters_at(chosen, np.random.default_rng(0))
    assert set(given) == {MASS, FRICTION}
    for index, boundary in enumerate(two.boundaries):
        at = given[boundary.path] == boundary.value()
        np.testing.assert_array_equal(at, chosen == index)
        other = given[FRICTION if boundary.path == MASS else MASS][chosen == index]
        assert len(set(other)) == 100


def test_boundaries_take_turns(two: AutomaticRanges) -> None:
    assert two.take_turns(6).tolist() == [0, 1, 2, 3, 0, 1]
    assert two.take_turns(3).tolist() == [2, 3, 0]


def test_a_boundary_is_judged_by_enough_episodes_and_stays_between_the_levels(
    two: AutomaticRanges,
) -> None:
    first = two.boundaries[0]
    two.take_results(np.zeros(3, int), np.ones(3))
    assert first.extent == 0.0
    two.take_results(np.zeros(1, int), np.ones(1))
    assert (first.extent, first.results) == (0.25, [])
    for success, moved in (([1, 1, 1, 0], 0.0), ([1, 1, 0, 0], -0.25), ([1, 1, 1, 1], 0.25)):
        before = first.extent
        two.take_results(np.zeros(4, int), np.array(success))
        assert first.extent - before == moved
    assert [b.extent for b in two.boundaries[1:]] == [0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "extent"),
    [
        ({}, 0.0),
        ({"widen_at": 0.75}, 0.25),
        ({"episodes": 2, "widen_at": 0.75}, 0.25),
        ({"episodes": 4, "widen_at": 0.75, "step": 0.1}, 0.1),
        ({"widen_at": 0.75, "widest": 0.2}, 0.2),
        ({"narrow_at": 0.75}, -0.25),
    ],
)
def test_every_setting_matters(furuta: RobotSpec, changes: dict[str, float], extent: float) -> None:
    found = ranges(furuta, {MASS: Variation(0.8, 1.2)}, **changes)
    start = 0.5 if extent < 0 else 0.0
    found.boundaries[1].extent = start
    found.take_results(np.ones(4, int), np.array([1, 1, 1, 0]))
    assert found.boundaries[1].extent == pytest.approx(start + extent)


def test_a_look_has_as_many_worlds_as_asked_for(two: AutomaticRanges) -> None:
    look(two, 0.0, times=1)
    assert sum(len(b.results) for b in two.boundaries) == 8


def test_ranges_stop_at_a_parameters_own_limits(furuta: RobotSpec) -> None:
    found = ranges(furuta, {p: furuta.randomization[p] for p in (NOISE, LATENCY)}, widest=3.0)
    for _ in range(20):
        for index in range(len(found.boundaries)):
            found.take_results(np.full(4, index), np.ones(4))
    assert ends(found, NOISE) == pytest.approx((0.0, 0.3 + 3 * 0.7))
    assert ends(found, LATENCY) == pytest.approx((0.0, 12 + 3 * 18))
    assert found.widest_spec.randomization == found.variations()


def test_an_end_at_the_nominal_value_cannot_move(furuta: RobotSpec) -> None:
    found = ranges(furuta, {MASS: Variation(1.0, 1.2)})
    assert [b.name for b in found.boundaries] == [MASS + " high"]


def test_ranges_of_a_calibration_grow_from_its_mean(furuta: RobotSpec) -> None:
    found = ranges(furuta, {MASS: Variation(1.1, 1.5, "normal", mean=1.2, std=0.1)})
    assert ends(found, MASS) == (1.2, 1.2)
    for index in (0, 1):
        found.take_results(np.full(4, index), np.ones(4))
    assert ends(found, MASS) == pytest.approx((1.2 - 0.25 * 0.1, 1.2 + 0.25 * 0.3))
    assert found.variations()[MASS].distribution == "uniform"


def test_what_is_no_property_of_an_episode_stays_as_stated(furuta: RobotSpec) -> None:
    """What is drawn at build is drawn at reset, else its range could not follow."""
    given = {
        MASS: Variation(0.8, 1.2, when="build"),
        SUPPLY: Variation(0.9, 1.1, when="step"),
        "initial.arm.position_rad": Variation(-0.3, 0.3, operation="set"),
    }
    found = ranges(furuta, given)
    assert [b.path for b in found.boundaries] == [MASS, MASS]
    now = found.variations()
    assert now[MASS].when == "reset"
    assert {p: now[p] for p in list(given)[1:]} == {p: given[p] for p in list(given)[1:]}
    with pytest.raises(DataError, match=r"needs a parameter in \[randomization\] that is drawn"):
        ranges(furuta, {p: given[p] for p in list(given)[1:]})


def test_same_seed_same_moves_and_another_state_goes_on(furuta: RobotSpec) -> None:
    given = {FRICTION: Variation(0.25, 4.0, "log-uniform"), MASS: Variation(0.8, 1.2)}
    volts = 0.62 * 3e-4 / (0.042 / 8.4)
    whole = ranges(furuta, given)
    look(whole, volts / 5, times=4)
    half = ranges(furuta, given)
    look(half, volts / 5, times=2)
    again = ranges(furuta, given)
    again.load_state(half.state())
    look(again, volts / 5, times=2, seed=2)
    assert again.state() == whole.state() != half.state()
    with pytest.raises(DataError, match="of other parameters than"):
        ranges(furuta, {MASS: Variation(0.8, 1.2)}).load_state(whole.state())


def test_levels_the_wrong_way_round_are_refused(furuta: RobotSpec) -> None:
    with pytest.raises(SettingsError, match=r"narrow_at < widen_at <= 1, got 0.9 and 0.8"):
        ranges(furuta, {MASS: Variation(0.8, 1.2)}, narrow_at=0.9)


AUTOMATIC = replace(
    TINY,
    randomization="automatic",
    alarm_worlds=50,
    automatic=AutomaticConfig(every=8, worlds=30, episodes=1, widen_at=0.01, narrow_at=0.0),
)


def test_pretraining_adapts_its_ranges_and_resumes_to_the_same_numbers(
    furuta: RobotSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny policy moves the arm little: with a goal of doing nothing it succeeds."""
    monkeypatch.setattr(FurutaSwingUp, "at_goal", lambda self, obs: np.ones(len(obs), bool))
    monkeypatch.setattr("robot_mbrl.learning.pretrain.AutomaticRanges", Generous)
    whole = pretraining(furuta, tmp_path / "whole", AUTOMATIC)
    whole.run(silent)
    assert whole.ranges is not None
    assert whole.ranges.mean_extent > 0.1
    told = RunFolder(tmp_path / "whole").read_json("ranges.json")
    low, high = ends(whole.ranges, MASS)
    assert told[MASS] == {"range": [low, high], "stated": [0.8, 1.2]}
    assert RunFolder(tmp_path / "whole").metrics()[2]["mean_extent"] == whole.ranges.mean_extent
    kill_and_resume(furuta, tmp_path / "killed", AUTOMATIC, 4)
    same_run(tmp_path / "whole", tmp_path / "killed")


class Generous(AutomaticRanges):
    """A quarter of a second held is a success."""

    def evaluate_boundaries(
        self, make_env: Callable[..., Any], act: Any, task: Any, seed: int
    ) -> None:
        super().evaluate_boundaries(make_env, act, replace(task, hold_s=0.1), seed)


def worlds_of_training(run: Pretraining) -> dict[str, np.ndarray]:
    run._restart_worlds(0)
    return run.env.parameters


def test_which_worlds_a_training_is_in(furuta: RobotSpec, tmp_path: Path) -> None:
    none = pretraining(furuta, tmp_path / "a", replace(TINY, randomization="none"))
    automatic = pretraining(furuta, tmp_path / "b", AUTOMATIC)
    for run in (none, automatic):
        for path, values in worlds_of_training(run).items():
            assert (np.ptp(values) > 0) == path.startswith("initial."), path
    fixed = pretraining(furuta, tmp_path / "c", TINY)
    assert all(np.ptp(values) > 0 for values in worlds_of_training(fixed).values())
    automatic.ranges.boundaries[0].extent = 1.0  # type: ignore[union-attr]
    automatic._set_ranges()
    assert np.ptp(worlds_of_training(automatic)[MASS]) > 0


def test_without_randomization_a_calibrated_robot_is_what_was_measured(furuta: RobotSpec) -> None:
    measured = {"links": {"arm": {"mass": {"mean": 1.1, "interval": [1.0, 1.3]}}}}
    raw = {"robot": "furuta", "parameters": measured}
    spec = furuta.with_calibration(check_calibration(raw, furuta))
    for given, expected in ((furuta, 1.0), (spec, 1.1)):
        found = without_randomization(given)
        assert (found[MASS].low, found[MASS].high) == (expected, expected)
        assert found["initial.arm.position_rad"] == furuta.randomization["initial.arm.position_rad"]


def test_a_run_is_judged_in_the_worlds_of_robot_toml_however_it_trained(
    furuta: RobotSpec, tmp_path: Path
) -> None:
    made: list[RobotSpec] = []

    def spy(spec: RobotSpec, count: int, **settings: Any) -> Any:
        made.append(spec)
        return make_env(spec, count, **settings)

    for kind in ("none", "automatic"):
        config = replace(AUTOMATIC, randomization=kind, automatic=AutomaticConfig())
        (tmp_path / kind).mkdir()
        Pretraining(furuta, spy, config, RunFolder(tmp_path / kind))._evaluate(silent)
        assert made[-1].randomization == furuta.randomization != made[-2].randomization
