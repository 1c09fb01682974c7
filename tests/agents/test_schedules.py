"""Schedules of trust against their formulas."""

import math

import numpy as np
import pytest

from robot_mbrl.agents.imagination.schedules import (
    LengthConfig,
    ShareConfig,
    real_share,
    rollout_length,
)

ERROR = np.array([0.05, 0.2, 0.4, 0.25, 0.9])


def test_a_constant_share_is_the_floor() -> None:
    assert real_share(ShareConfig(), 0.1, 0, None) == 0.1
    assert real_share(ShareConfig(), 0.1, 10**6, ERROR) == 0.1


@pytest.mark.parametrize(
    ("step", "share"), [(0, 1.0), (50, 1.0), (100, 0.6), (150, 0.2), (9e9, 0.2)]
)
def test_by_steps_the_share_falls_from_one_to_the_floor_along_a_line(
    step: int, share: float
) -> None:
    assert real_share(ShareConfig("steps", (50, 150)), 0.2, step, None) == pytest.approx(share)


@pytest.mark.parametrize(("ticks", "share"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.25), (5, 0.9)])
def test_by_error_the_share_is_the_models_error_at_those_ticks(ticks: int, share: float) -> None:
    assert real_share(ShareConfig("error", ticks=ticks), 0.1, 0, ERROR) == share


@pytest.mark.parametrize("error", [1.0, 2.5, math.inf, math.nan])
def test_a_model_no_better_than_none_or_not_judged_leaves_all_rows_real(error: float) -> None:
    config = ShareConfig("error", ticks=1)
    assert real_share(config, 0.1, 0, np.array([error])) == 1.0
    assert real_share(config, 0.1, 0, None) == 1.0


def test_a_constant_length_is_the_horizon() -> None:
    assert rollout_length(LengthConfig(), 7, 0, None) == 7
    assert rollout_length(LengthConfig(), 7, 10**6, ERROR) == 7


@pytest.mark.parametrize(
    ("epoch", "length"),
    [(0, 1), (20, 1), (29, 1), (30, 2), (85, 8), (149, 14), (150, 15), (999, 15)],
)
def test_by_steps_rollouts_grow_as_those_of_mbpo(epoch: int, length: int) -> None:
    """[20, 150, 1, 15], epochs of 1,000 steps: int(1 + 14 (epoch - 20) / 130)."""
    config = LengthConfig("steps", (20_000, 150_000), shortest=1)
    assert rollout_length(config, 15, 1000 * epoch, None) == length


@pytest.mark.parametrize(
    ("bound", "length"), [(0.01, 2), (0.05, 2), (0.2, 2), (0.3, 2), (0.4, 4), (1.0, 5)]
)
def test_by_error_rollouts_last_until_the_first_tick_beyond_the_bound(
    bound: float, length: int
) -> None:
    """What comes after does not count, though its error may be less again; never below 2."""
    config = LengthConfig("error", shortest=2, bound=bound)
    assert rollout_length(config, 5, 0, ERROR) == length


def test_a_model_that_is_not_judged_or_not_finite_gets_the_shortest() -> None:
    config = LengthConfig("error", shortest=1, bound=0.5)
    assert rollout_length(config, 5, 0, None) == 1
    assert rollout_length(config, 5, 0, np.array([0.1, math.nan, 0.1, 0.1, 0.1])) == 1
    assert rollout_length(LengthConfig("error", shortest=9), 5, 0, None) == 5  # the horizon
