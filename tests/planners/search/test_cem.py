"""CEM against the Riccati solution, and what each of its settings does."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.search.cem import CemConfig, plan_cem
from robot_mbrl.planners.search.sampling import Planned, shift
from tests.planners.objective.test_imagination import Wild
from tests.support.linear_plant import A, B, KnownModel, LinearActor, imagination, riccati

START = torch.tensor([0.3, -0.4])
SMALL = CemConfig(
    horizon=5, candidates=24, iterations=2, elites=6, proposals=7, sigma=0.4, min_sigma=0.05
)


def plan(
    config: CemConfig = SMALL,
    *,
    seed: int = 0,
    obs: Tensor = START,
    warm: Tensor | None = None,
    score: Imagination | None = None,
) -> Planned:
    shape = (config.iterations, config.candidates, config.horizon, 1)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    warm = torch.zeros(config.horizon, 1) if warm is None else warm
    with torch.no_grad():
        return plan_cem(score or imagination(), obs, warm, noise, config)


@pytest.mark.parametrize("start", [(0.3, -0.4), (-0.5, 0.2), (0.1, 0.3)])
def test_approaches_the_riccati_cost(start: tuple[float, float]) -> None:
    """With the exact value at the end, the best plan of any length costs x' P x."""
    P, K = riccati()
    x = np.array(start)
    assert abs(K @ x) < 0.9  # the limit on actions plays no part
    config = replace(SMALL, candidates=200, iterations=8, elites=20, proposals=0, min_sigma=0.01)
    planned = plan(config, obs=torch.tensor(start))
    optimum = -float(x @ P @ x)
    assert planned.score.item() <= optimum + 1e-4 * abs(optimum)
    assert planned.score.item() == pytest.approx(optimum, rel=5e-3)
    assert planned.plan[0].item() == pytest.approx(-(K @ x).item(), abs=0.06)


def test_closed_loop_costs_little_more_than_the_optimum() -> None:
    """Replanning every tick with the warm start shifted, few candidates each time."""
    P, _ = riccati()
    x, warm, cost = START.double().numpy(), torch.zeros(5, 1), 0.0
    for tick in range(120):
        planned = plan(SMALL, seed=tick, obs=torch.as_tensor(x).float(), warm=warm)
        action, warm = planned.plan[0], shift(planned.plan)
        x = A @ x + B @ action.double().numpy()
        cost += 0.97**tick * float(4 * x[0] ** 2 + x[1] ** 2 + 0.5 * action.item() ** 2)
    start = START.double().numpy()
    optimum = float(start @ P @ start)
    assert optimum * 0.999 < cost < optimum * 1.1


def test_same_noise_same_plan() -> None:
    a, b, c = plan(seed=1), plan(seed=1), plan(seed=2)
    for name in ("plan", "score", "value", "disagreement"):
        assert torch.equal(getattr(a, name), getattr(b, name))
    assert not torch.equal(a.plan, c.plan)


def test_score_value_and_disagreement_are_those_of_the_plan_returned() -> None:
    score = imagination(model=KnownModel((0.01, 0.02, 0.03)), disagreement_penalty=0.3)
    planned = plan(score=score)
    again = score(START, planned.plan[None])
    assert planned.score == again.score[0]
    assert planned.value == again.value[0]
    assert torch.equal(planned.disagreement, again.disagreement[0])


@pytest.mark.parametrize("seed", range(4))
def test_plan_stays_within_the_range_of_actions(seed: int) -> None:
    far = torch.tensor([50.0, 50.0])  # wants far more than the motors have
    planned = plan(replace(SMALL, sigma=5.0), seed=seed, obs=far, warm=torch.full((5, 1), 40.0))
    assert planned.plan.abs().max() <= 1.0
    assert torch.isfinite(planned.score)


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_diverging_plans_never_win(poison: float) -> None:
    """Any positive action diverges; the optimum from here would be positive throughout."""
    obs = torch.tensor([-0.5, 0.0])
    planned = plan(obs=obs, score=imagination(model=Wild(poison)))
    assert torch.isfinite(planned.score)
    assert planned.plan.max() <= 0.0


class Lost(KnownModel):
    """Knows nothing."""

    def increments(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = super().increments(obs, action)
        return mean * torch.nan, std


def test_without_a_usable_plan_the_score_says_so() -> None:
    planned = plan(score=imagination(model=Lost()))
    assert planned.score == -math.inf
    assert torch.isfinite(planned.plan).all()
    assert plan(obs=torch.tensor([math.nan, 0.0])).score == -math.inf
    assert plan(replace(SMALL, proposals=0), obs=torch.tensor([0.0, math.inf])).score == -math.inf


@pytest.mark.parametrize("proposals", [7, 2])
def test_a_broken_warm_start_is_survived(proposals: int) -> None:
    """NaN makes every candidate around the warm start unusable; the policy's proposals remain, even
    when they are fewer than the elites."""
    config = replace(SMALL, proposals=proposals)
    planned = plan(config, warm=torch.full((5, 1), math.nan))
    assert torch.isfinite(planned.score)
    assert torch.isfinite(planned.plan).all()


def test_nothing_usable_leaves_a_finite_plan_behind() -> None:
    """The plan is the next tick's warm start: one bad observation must not poison it for ever."""
    planned = plan(replace(SMALL, proposals=0, iterations=1), warm=torch.full((5, 1), math.nan))
    assert planned.score == -math.inf
    assert torch.isfinite(planned.plan).all()
    planned = plan(
        obs=torch.tensor([math.nan, math.nan]), score=imagination(actor=LinearActor((1, 1)))
    )
    assert planned.score == -math.inf
    assert torch.isfinite(planned.plan).all()


def test_warm_start_is_where_the_search_begins() -> None:
    warm = torch.tensor([[0.9], [-0.9], [0.9], [-0.9], [0.9]])
    config = replace(SMALL, sigma=1e-4, min_sigma=1e-5, proposals=0)
    torch.testing.assert_close(plan(config, warm=warm).plan, warm, atol=1e-3, rtol=0)


def test_a_good_warm_start_is_not_made_worse() -> None:
    """The warm start itself is among the candidates and elites are kept, so with one elite the
    result scores at least as much."""
    good = plan(replace(SMALL, candidates=300, iterations=8, elites=20)).plan
    worth = imagination()(START, good[None]).score[0]
    config = replace(SMALL, candidates=8, elites=1, proposals=3, sigma=0.8)
    for seed in range(5):
        assert plan(config, seed=seed, warm=good).score >= worth - 1e-6


def test_the_policys_own_plan_is_among_the_candidates() -> None:
    _, K = riccati()
    policy = LinearActor((float(K[0, 0]), float(K[0, 1])))
    config = replace(SMALL, iterations=1, elites=1, sigma=1.0, proposal_sigma=1.0)
    planned = plan(config, score=imagination(actor=policy))
    optimum = -float(START.numpy() @ riccati()[0] @ START.numpy())
    assert planned.score.item() == pytest.approx(optimum, rel=1e-3)


CHANGES: dict[str, Any] = {
    "horizon": 4,
    "candidates": 25,
    "iterations": 3,
    "elites": 5,
    "proposals": 3,
    "sigma": 0.2,
    "proposal_sigma": 0.4,
    "min_sigma": 0.5,
}


@pytest.mark.parametrize("setting", CHANGES)
def test_every_setting_matters(setting: str) -> None:
    config = replace(SMALL, **{setting: CHANGES[setting]})
    assert set(CHANGES) == set(vars(SMALL))
    assert plan(config).score != plan().score


@pytest.mark.parametrize(
    "change", [{"terminal_value": False}, {"disagreement_penalty": 50.0}, {"gamma": 0.5}]
)
def test_every_setting_of_imagination_matters(change: dict[str, Any]) -> None:
    model = KnownModel((0.01, 0.02, 0.03))
    free = plan(score=imagination(model=model))
    assert not torch.equal(plan(score=imagination(model=model, **change)).plan, free.plan)


def test_penalized_disagreement_makes_plans_cautious() -> None:
    model = KnownModel((0.0, 0.02, 0.04))
    sizes = [
        plan(score=imagination(model=model, disagreement_penalty=p)).plan.abs().mean().item()
        for p in (0.0, 3.0, 100.0)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_more_candidates_and_more_rounds_are_not_worse() -> None:
    def mean_score(**changes: Any) -> float:
        config = replace(SMALL, proposals=0, elites=3, **changes)
        return float(np.mean([plan(config, seed=s).score for s in range(20)]))

    assert mean_score(candidates=6) < mean_score(candidates=24) < mean_score(candidates=96)
    assert mean_score(iterations=1) < mean_score(iterations=4)


@pytest.mark.parametrize("proposals", [0, 1, 23, 24])
def test_any_number_of_proposals_fits(proposals: int) -> None:
    assert torch.isfinite(plan(replace(SMALL, proposals=proposals)).score)


def test_fewer_candidates_than_elites_fit() -> None:
    assert torch.isfinite(plan(replace(SMALL, candidates=3)).score)


def test_shift_drops_the_first_action_and_repeats_the_last() -> None:
    steps = torch.arange(8.0).reshape(4, 2)
    assert shift(steps).tolist() == [[2, 3], [4, 5], [6, 7], [6, 7]]
