"""Errors on fresh rows, and when they stand out."""

import math

import numpy as np
import pytest

from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.judging.fresh_error import DriftConfig, has_drifted, one_step_error
from tests.support.walker import PACE, walker

CONFIG = DriftConfig(ratio=1.5, memory=4)


def steps(pace: np.ndarray, rows: int = 5) -> Transitions:
    obs = np.random.default_rng(0).standard_normal((rows, 2)).astype(np.float32)
    none = np.zeros(rows, np.float32)
    return Transitions(obs, none[:, None], obs + pace.astype(np.float32), none, none > 0)


def test_the_error_is_that_of_the_elites_mean_in_residual_spreads() -> None:
    """The spreads are 0.5 and 2."""
    assert one_step_error(walker(PACE), steps(PACE)) == pytest.approx(0.0, abs=1e-6)
    missed = one_step_error(walker(PACE), steps(PACE + np.array([0.5, -4.0])))
    assert missed == pytest.approx(math.sqrt((1**2 + 2**2) / 2), rel=1e-5)


@pytest.mark.parametrize(
    ("error", "drifted"),
    [(1.0, False), (1.5, False), (1.51, True), (math.inf, True), (math.nan, True)],
)
def test_drift_is_an_error_above_so_many_times_the_recent_mean(error: float, drifted: bool) -> None:
    assert has_drifted(error, [0.5, 1.5, 0.0, 2.0], CONFIG) is drifted


def test_the_ratio_decides() -> None:
    assert has_drifted(2.0, [1.0] * 4, DriftConfig(ratio=1.9))
    assert not has_drifted(2.0, [1.0] * 4, DriftConfig(ratio=2.1))


def test_the_memory_decides_what_is_recent() -> None:
    before = [9.0] * 4 + [1.0] * 4
    assert has_drifted(2.0, before, DriftConfig(ratio=1.5, memory=4))
    assert not has_drifted(2.0, before, DriftConfig(ratio=1.5, memory=8))


def test_before_half_of_the_memory_nothing_is_said() -> None:
    assert not has_drifted(9.0, [1.0], CONFIG)
    assert has_drifted(9.0, [1.0, 1.0], CONFIG)
