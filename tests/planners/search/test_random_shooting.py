"""Random shooting against looking at every candidate."""

import math

import pytest
import torch

from robot_mbrl.planners.search.random_shooting import RandomShootingConfig
from tests.support.plain_plant import START, Plant, noise_for, run

CONFIG = RandomShootingConfig(horizon=3, candidates=40, proposals=0, sigma=0.5)


def test_the_best_candidate_wins() -> None:
    noise = noise_for(CONFIG, 0)[0]
    noise[0] = 0.0  # the warm start itself
    candidates = (0.1 + 0.5 * noise).clamp(-1, 1)
    score = Plant()(START, candidates).score
    planned = run(CONFIG, warm=torch.full((3, 2), 0.1).double())
    torch.testing.assert_close(planned.plan, candidates[score.argmax()])
    assert planned.score.item() == pytest.approx(score.max().item())


def test_the_warm_start_is_not_made_worse() -> None:
    warm = torch.full((3, 2), 0.1).double()
    worth = Plant()(START, warm[None]).score
    for seed in range(5):
        assert run(RandomShootingConfig(3, 2, 0, sigma=1.0), seed=seed, warm=warm).score >= worth


def test_a_broken_warm_start_counts_as_zeros() -> None:
    zeros = run(CONFIG, warm=torch.zeros(3, 2).double())
    assert torch.equal(run(CONFIG, warm=torch.full((3, 2), math.nan).double()).plan, zeros.plan)
