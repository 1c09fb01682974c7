"""The promise of split conformal thresholds, kept on fresh data; and broken by ticks."""

import math

import numpy as np
import pytest

from robot_mbrl.contract.errors import DataError, NotFiniteError
from robot_mbrl.models.judging.conformal import (
    conformal_quantile,
    episode_threshold,
    tick_threshold,
)


def test_the_rank_is_the_ceiling_of_n_plus_one_times_one_minus_a():
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))  # n = 19
    for rate, rank in ((0.05, 19), (0.1, 18), (0.12, 18), (0.2, 16), (0.5, 10), (0.95, 1)):
        assert conformal_quantile(scores, rate) == rank
    assert conformal_quantile(scores, 0.04) == math.inf
    assert conformal_quantile(np.arange(9.0), 0.1) == 8.0
    assert conformal_quantile(np.arange(8.0), 0.1) == math.inf


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (30, 0.1), (57, 0.2)])
def test_false_alarms_on_fresh_exchangeable_scores_stay_below_the_request(n, rate):
    """Any distribution; the expected rate is 1 - ceil((n + 1)(1 - a)) / (n + 1)."""
    rng, draws = np.random.default_rng(n), 20_000
    scores = rng.standard_cauchy((draws, n + 1))
    limit = np.array([conformal_quantile(s, rate) for s in scores[:, :n]])
    alarms = (scores[:, n] > limit).mean()
    exact = 1 - math.ceil((n + 1) * (1 - rate) - 1e-9) / (n + 1)
    sigma = math.sqrt(exact * (1 - exact) / draws)
    assert alarms == pytest.approx(exact, abs=4 * sigma)
    assert alarms <= rate + 4 * sigma


def episodes(rng: np.random.Generator, count: int, own: float, ticks: int = 40) -> list[np.ndarray]:
    """Scores that share a part of size `own` within each episode; lengths differ."""
    lengths = rng.integers(ticks // 2, 2 * ticks, count)
    return [own * rng.standard_normal() + rng.standard_normal(n) for n in lengths]


@pytest.mark.parametrize("own", [0.0, 3.0])
def test_episode_and_tick_rates_hold_for_fresh_episodes_whatever_their_ticks_share(own):
    rng, rate, draws = np.random.default_rng(1), 0.1, 700
    any_alarm, share = [], []
    for _ in range(draws):
        *known, fresh = episodes(rng, 25, own)
        any_alarm.append((fresh > episode_threshold(known, rate).limit).any())
        share.append((fresh > tick_threshold(known, rate).limit).mean())
    assert np.mean(any_alarm) <= rate + 4 * math.sqrt(rate * (1 - rate) / draws)
    assert np.mean(share) <= rate + 4 * np.std(share) / math.sqrt(draws)
    assert np.mean(share) > 0.4 * rate  # and is not bought by never raising an alarm


def test_pooled_ticks_taken_as_independent_samples_would_break_the_promise():
    """Why whole episodes are the samples: few of them, each with ticks alike."""
    rng, rate, draws = np.random.default_rng(2), 0.05, 500
    pooled, whole = [], []
    for _ in range(draws):
        *known, fresh = episodes(rng, 7, own=5.0)
        pooled.append((fresh > conformal_quantile(np.concatenate(known), rate)).mean())
        whole.append((fresh > tick_threshold(known, rate).limit).mean())
    assert np.mean(pooled) > 2 * rate
    assert np.mean(whole) <= rate


def test_episodes_of_one_tick_are_plain_split_conformal():
    scores = np.random.default_rng(0).standard_normal(37)
    for rate in (0.03, 0.1, 0.33):
        single = [np.array([s]) for s in scores]
        expected = conformal_quantile(scores, rate)
        assert tick_threshold(single, rate).limit == expected
        assert episode_threshold(single, rate).limit == expected


def test_every_episode_counts_alike_however_long():
    short, long = np.zeros(1), np.ones(99)
    threshold = tick_threshold([short, short, short, long], 0.4)
    assert threshold.limit == 0.0  # 3 of 5 shares of mass lie at 0
    assert tick_threshold([short, short, short, long], 0.39).limit == 1.0


def test_the_rate_changes_the_limit_and_the_sample_size_is_told():
    known = episodes(np.random.default_rng(3), 60, 1.0)
    for build in (episode_threshold, tick_threshold):
        loose, strict = build(known, 0.3), build(known, 0.02)
        assert loose.limit < strict.limit < math.inf
        assert strict.episodes == 60 and strict.ticks == sum(map(len, known))
        assert "2.0%" in strict.guarantee and "exchangeable" in strict.guarantee
    assert "episodes with any alarm" in episode_threshold(known, 0.3).guarantee
    assert "ticks of a fresh episode" in tick_threshold(known, 0.3).guarantee


def test_too_few_episodes_give_no_limit_and_say_how_many_would():
    known = episodes(np.random.default_rng(3), 18, 1.0)
    for build in (episode_threshold, tick_threshold):
        none = build(known, 0.05)
        assert math.isinf(none.limit)
        assert "18 episodes" in none.guarantee and "at least 19" in none.guarantee
        assert math.isfinite(build([*known, known[0]], 0.05).limit)


def test_bad_scores_are_refused():
    with pytest.raises(DataError, match="at least one episode"):
        episode_threshold([], 0.1)
    with pytest.raises(DataError, match="none without ticks"):
        tick_threshold([np.ones(3), np.ones(0)], 0.1)
    with pytest.raises(DataError, match="between 0 and 1"):
        tick_threshold([np.ones(3)], 0.0)
    for build in (episode_threshold, tick_threshold):
        with pytest.raises(NotFiniteError):
            build([np.array([1.0, math.nan])], 0.5)
