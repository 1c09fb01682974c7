"""The weights of MPPI against their closed form and its limits."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_mbrl.planners.search.mppi import MppiConfig, plan_mppi, weights
from robot_mbrl.planners.search.sampling import sample
from tests.support.plain_plant import START, Plant, noise_for, run

SCORE = torch.tensor([4.0, 1.0, 3.0, 0.0, -50.0], dtype=torch.float64)


def test_weights_by_hand() -> None:
    """The better half of five is 4, 3 and 1: a scale of 3."""
    expected = [math.exp((s - 4.0) / (0.5 * 3.0)) for s in SCORE.tolist()]
    got = weights(SCORE, 0.5).tolist()
    assert got == pytest.approx([w / sum(expected) for w in expected])


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-3, 1e3), offset=st.floats(-100, 100))
def test_weights_do_not_depend_on_the_scale_of_rewards(factor: float, offset: float) -> None:
    torch.testing.assert_close(weights(SCORE * factor + offset, 0.3), weights(SCORE, 0.3))


def test_temperature_goes_from_the_best_alone_to_all_alike() -> None:
    for cold in (0.0, 1e-3):
        assert weights(SCORE, cold).tolist() == pytest.approx([1, 0, 0, 0, 0])
    assert weights(SCORE, 1e6).tolist() == pytest.approx([0.2] * 5, rel=1e-3)


def test_unusable_candidates_weigh_nothing() -> None:
    inf = math.inf
    mixed = torch.tensor([[-inf, 2.0, -inf, 1.0], [-inf] * 4, [5.0, -inf, -inf, -inf]])
    got = weights(mixed, 1.0)
    assert got[:, 0].tolist() == [0.0, 0.0, 1.0]
    assert got[0].tolist() == pytest.approx([0, 1 / (1 + math.exp(-1)), 0, 1 / (1 + math.e)])
    assert not got[1].any()


def test_candidates_that_are_all_alike_weigh_the_same() -> None:
    assert weights(torch.full((4,), 7.0), 0.1).tolist() == pytest.approx([0.25] * 4)


def test_the_plan_is_the_weighted_mean_of_the_candidates() -> None:
    config = MppiConfig(horizon=3, candidates=9, iterations=1, proposals=0, sigma=0.6)
    noise, zeros = noise_for(config, 0), torch.zeros(3, 2).double()
    sigma = torch.full_like(zeros, 0.6)
    candidates = sample(zeros, sigma, noise[0], proposals=0, proposal_sigma=0.0)
    weight = weights(Plant()(START, candidates).score, config.temperature)
    expected = (weight[:, None, None] * candidates).sum(0)
    torch.testing.assert_close(run(config).plan, expected)


def test_temperature_decides_how_much_of_the_noise_is_averaged_away() -> None:
    config = MppiConfig(horizon=3, candidates=30, iterations=1, proposals=0, sigma=0.6)
    robots = START.expand(40, 4)
    sizes = [
        run(replace(config, temperature=t), obs=robots).plan.abs().mean().item()
        for t in (1e-3, 0.3, 1e3)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_sigma_decays_from_round_to_round() -> None:
    """To nothing: the second round then repeats the mean of the first."""
    twice = MppiConfig(horizon=3, candidates=30, proposals=0, sigma=0.6, sigma_decay=0.0)
    noise, warm = noise_for(twice, 0), torch.zeros(3, 2).double()
    both = plan_mppi(Plant(), START, warm, noise, twice)
    first = plan_mppi(Plant(), START, warm, noise[:1], replace(twice, iterations=1))
    torch.testing.assert_close(both.plan, first.plan)
