"""Scores of plans against sums done by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.linear_plant import (
    DT,
    GAIN,
    GAMMA,
    KnownModel,
    LinearActor,
    Quadratic,
    imagination,
    riccati,
)

START = torch.tensor([0.3, -0.4])
PLANS = torch.tensor([[[0.5], [-0.2], [1.0]], [[0.0], [0.0], [0.0]]])


def by_hand(plan: list[float], wall: float = math.inf) -> tuple[float, float]:
    """Discounted reward until the wall, and the discounted value of where the plan ends."""
    x, v = START.tolist()
    total = 0.0
    for h, u in enumerate(plan):
        x, v = x + v * DT + GAIN * u, v + GAIN * u / DT
        total -= GAMMA**h * (4 * x**2 + v**2 + 0.5 * u**2)
        if x > wall:
            return total, 0.0
    state = np.array([x, v])
    return total, -(GAMMA ** len(plan)) * float(state @ riccati()[0] @ state)


def test_score_is_discounted_reward_and_value() -> None:
    imagined = imagination()(START, PLANS)
    for n, plan in enumerate(PLANS[..., 0].tolist()):
        reward, value = by_hand(plan)
        assert imagined.score[n].item() == pytest.approx(reward + value, rel=1e-4)
        assert imagined.value[n].item() == pytest.approx(value, rel=1e-4)
    torch.testing.assert_close(imagined.plans, PLANS)
    assert imagined.disagreement.shape == (2, 3)


def test_without_terminal_value_only_rewards_count() -> None:
    imagined = imagination(terminal_value=False)(START, PLANS)
    assert imagined.score[0].item() == pytest.approx(by_hand([0.5, -0.2, 1.0])[0], rel=1e-4)
    assert not imagined.value.any()


def test_nothing_counts_after_termination() -> None:
    """The step into the wall still counts, later rewards and the value do not."""
    start = torch.tensor([0.3, 2.0])
    wall = 0.3 + 2.0 * DT + 0.5 * GAIN + 1e-3  # reached in the second step of the first plan
    imagined = imagination(task=Quadratic(wall))(start, PLANS)
    x, v, total = 0.3, 2.0, 0.0
    for h, u in enumerate([0.5, -0.2]):
        x, v = x + v * DT + GAIN * u, v + GAIN * u / DT
        total -= GAMMA**h * (4 * x**2 + v**2 + 0.5 * u**2)
    assert x > wall
    assert imagined.score[0].item() == pytest.approx(total, rel=1e-4)
    assert imagined.value[0].item() == 0.0


def test_members_vote_by_their_mean() -> None:
    gains = (0.01, 0.02, 0.06)
    scores = [imagination(model=KnownModel((g,) * 2))(START, PLANS).score for g in gains]
    together = imagination(model=KnownModel(gains))(START, PLANS).score
    torch.testing.assert_close(together, torch.stack(scores).mean(0))


def test_disagreement_is_penalized_per_unit_and_step() -> None:
    model = KnownModel((0.01, 0.02, 0.03))
    free = imagination(model=model)(START, PLANS)
    taxed = imagination(model=model, disagreement_penalty=0.7)(START, PLANS)
    torch.testing.assert_close(taxed.score, free.score - 0.7 * free.disagreement.sum(1))
    spread = np.std([0.01, 0.02, 0.03])  # of increments under u = 0.5, in the first step
    assert free.disagreement[0, 0].item() == pytest.approx(0.5 * spread, rel=1e-3)
    assert free.disagreement[1].max() < 1e-5


def test_in_proposal_rows_the_policy_acts_and_the_plan_is_added() -> None:
    K = (1.5, 0.5)
    plans = torch.tensor([[[0.0]] * 4, [[0.1]] * 4, [[0.1]] * 4])
    imagined = imagination(actor=LinearActor(K))(START, plans, proposals=2)
    for n, extra in enumerate([0.0, 0.1]):
        x, v = START.tolist()
        for h in range(4):
            u = -(K[0] * x + K[1] * v) + extra
            assert imagined.plans[n, h, 0].item() == pytest.approx(u, rel=1e-4, abs=1e-6)
            x, v = x + v * DT + GAIN * u, v + GAIN * u / DT
    torch.testing.assert_close(imagined.plans[2], plans[2])


def test_proposals_stay_within_the_range_of_actions() -> None:
    plans = torch.full((3, 2, 1), -0.8)
    imagined = imagination(actor=LinearActor((100.0, 0.0)))(START, plans, proposals=3)
    assert imagined.plans.min() == -1.0


class Wild(KnownModel):
    """Diverges to `poison` wherever the action is positive."""

    def __init__(self, poison: float) -> None:
        super().__init__()
        self.poison = poison

    def increments(self, x: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = super().increments(x, action)
        return torch.where(action > 0, self.poison, mean), std


class Rewarding(Quadratic):
    """Pays `poison` for a positive action."""

    poison = math.inf

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        plain = super().reward(next_obs, action, xp)
        return torch.where(action[..., 0] > 0, self.poison, plain)


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_diverged_plans_score_minus_infinity(poison: float) -> None:
    score = imagination(model=Wild(poison))(START, PLANS).score
    assert score[0] == -math.inf
    assert torch.isfinite(score[1])
    task = Rewarding()
    task.poison = poison
    score = imagination(task=task)(START, PLANS).score
    assert score[0] == -math.inf
    assert torch.isfinite(score[1])
