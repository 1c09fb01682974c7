"""Predicted mean and variance after H steps, against closed forms of a linear-Gaussian system.

x' = p x + b_e u + s w. After H steps under the same u every way has the mean p^H x0 + b u S1,
S1 = sum p^k, and differs in the variance, with V = variance of b_e u over members, S2 = sum p^2k:
    members V S1^2    mean 0    ts1 and moment (V + s^2) S2    tsinf V S1^2 + s^2 S2
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_mbrl.contract.errors import PlannerError
from robot_mbrl.models.ensemble.planning_model import PlanningModel
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.objective.propagation import (
    Propagation,
    PropagationConfig,
    PropagationKind,
    draw_propagation,
)
from tests.support.gaussian_plant import POLE, GaussianModel

GAINS, NOISE, U, START, H = (0.1, 0.2, 0.6), 0.15, 0.8, 2.0, 6
S1 = sum(POLE**k for k in range(H))
S2 = sum(POLE ** (2 * k) for k in range(H))
V, B = U**2 * np.var(GAINS), np.mean(GAINS)
MEAN = POLE**H * START + B * U * S1
VARIANCE = {
    "members": V * S1**2,
    "mean": 0.0,
    "ts1": (V + NOISE**2) * S2,
    "tsinf": V * S1**2 + NOISE**2 * S2,
    "moment": (V + NOISE**2) * S2,
}


def draw(
    kind: PropagationKind, model: PlanningModel, particles: int, seed: int = 0, horizon: int = H
) -> Propagation:
    config = PropagationConfig(kind, particles)
    return draw_propagation(config, model, horizon, torch.Generator().manual_seed(seed))


def particles_after(kind: PropagationKind, model: GaussianModel, count: int, ticks: int) -> Tensor:
    """States (P, N = 2 plans) after so many ticks; the second plan does nothing."""
    propagation = draw(kind, model, count)
    x = torch.full((propagation.particles(model), 1, 2), START)
    action = torch.tensor([[U, 0.0]]).expand(model.members, -1, -1)
    for h in range(ticks):
        x, mean = propagation.step(model, x, action, h)
        assert mean.shape == (model.members, 1, 2)
    return x[:, 0]


@pytest.mark.parametrize("kind", VARIANCE)
def test_mean_and_variance_are_those_of_the_closed_form(kind: PropagationKind) -> None:
    count = 1200 if kind == "moment" else 9000
    x = particles_after(kind, GaussianModel(GAINS, NOISE), count, H)
    spread = VARIANCE[kind] ** 0.5
    assert x[:, 0].mean().item() == pytest.approx(MEAN, abs=4 * spread / count**0.5 + 1e-5)
    # Moment matching resamples H times, each of which adds its own sampling error.
    tolerance = 0.15 if kind == "moment" else 0.06
    assert x[:, 0].var(correction=0).item() == pytest.approx(
        VARIANCE[kind], rel=tolerance, abs=1e-9
    )


def test_moment_matching_makes_gaussian_what_ts1_leaves_in_two_heaps() -> None:
    """One step of two members far apart: kurtosis 1 for two points, 3 for a Gaussian."""
    kurtosis = {}
    kinds: tuple[PropagationKind, ...] = ("ts1", "moment")
    for kind in kinds:
        x = particles_after(kind, GaussianModel((-1.0, 1.0), 1e-3), 1200, 1)[:, 0]
        z = (x - x.mean()) / x.std()
        kurtosis[kind] = (z**4).mean().item()
    assert kurtosis["ts1"] == pytest.approx(1.0, abs=0.05)
    assert kurtosis["moment"] == pytest.approx(3.0, abs=0.6)


def test_moment_matching_keeps_the_covariance_between_columns() -> None:
    propagation = draw("moment", GaussianModel(GAINS, NOISE), 1500)
    base = torch.randn(1500, 1, 1, generator=torch.Generator().manual_seed(3))
    x = torch.cat([base, 2 * base + 0.1, -base], 1)
    after = propagation._match_moments(x, 0)[..., 0]
    torch.testing.assert_close(after[:, 1], 2 * after[:, 0] + 0.1, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after[:, 2], -after[:, 0], atol=1e-4, rtol=1e-4)
    assert after[:, 0].std().item() == pytest.approx(base.std().item(), rel=0.1)


def test_a_particle_of_tsinf_stays_with_its_member_and_one_of_ts1_does_not() -> None:
    model = GaussianModel(GAINS, 0.0)
    ends = {len(set(particles_after("tsinf", model, 12, 4)[:, 0].tolist()))}
    assert ends == {3}
    assert len({round(v, 5) for v in particles_after("ts1", model, 12, 4)[:, 0].tolist()}) > 3


@dataclass
class Square:
    """Reward -x^2, whose expectation is -(mean^2 + variance)."""

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return -(next_obs[..., 0] ** 2)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return next_obs[..., 0] > 1e9


def imagination(model: GaussianModel, kind: PropagationKind, particles: int) -> Imagination:
    return Imagination(
        model, Square(), None, None, gamma=1.0, disagreement_penalty=0.0,
        terminal_value=False, propagation=draw(kind, model, particles),
    )  # fmt: skip


@pytest.mark.parametrize("kind", VARIANCE)
def test_a_plans_score_is_the_expected_reward(kind: PropagationKind) -> None:
    """One tick: -(mean^2 + variance) of the kind's own variance."""
    count = 900 if kind == "moment" else 3000
    model = GaussianModel(GAINS, NOISE)
    imagined = imagination(model, kind, count)(torch.tensor([START]), torch.full((1, 1, 1), U))
    variance = {"members": V, "mean": 0.0}.get(kind, V + NOISE**2)
    expected = -((POLE * START + B * U) ** 2 + variance)
    assert imagined.score.item() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("kind", VARIANCE)
def test_plans_meet_the_same_noise_and_their_order_does_not_matter(kind: PropagationKind) -> None:
    model = GaussianModel(GAINS, NOISE)
    plans = torch.tensor([[[U]] * 3, [[-U]] * 3, [[U]] * 3])
    score = imagination(model, kind, 6)(torch.tensor([START]), plans).score
    assert score[0] == score[2] != score[1]
    again = imagination(model, kind, 6)(torch.tensor([START]), plans.flip(0)).score
    torch.testing.assert_close(again, score.flip(0))


def test_another_draw_is_another_score_only_where_there_is_noise() -> None:
    model, plans = GaussianModel(GAINS, NOISE), torch.full((1, 3, 1), U)
    for kind in VARIANCE:
        scores = [
            Imagination(
                model, Square(), None, None, gamma=1.0, disagreement_penalty=0.0,
                terminal_value=False, propagation=draw(kind, model, 6, seed),  # type: ignore[arg-type]
            )(torch.tensor([START]), plans).score.item()
            for seed in (0, 1)
        ]  # fmt: skip
        assert (scores[0] == scores[1]) is (kind in ("members", "mean"))


def test_rows_cost_members_or_particles() -> None:
    for kind, rows in {"members": 3, "mean": 3, "ts1": 12, "tsinf": 12, "moment": 12}.items():
        model = GaussianModel(GAINS, NOISE)
        plans = torch.zeros(5, 4, 1)
        imagination(model, kind, 12)(torch.tensor([START]), plans)  # type: ignore[arg-type]
        assert model.rows == rows * 5 * 4


def test_the_members_disagreement_is_seen_in_every_way() -> None:
    for kind in VARIANCE:
        model = GaussianModel(GAINS, 0.0, unit=0.5)
        plans = torch.full((1, 1, 1), U)
        imagined = imagination(model, kind, 12)(torch.tensor([START]), plans)  # type: ignore[arg-type]
        assert imagined.disagreement.item() == pytest.approx(V**0.5 / 0.5, rel=1e-4)


def test_what_cannot_be_is_refused() -> None:
    model = GaussianModel(GAINS, NOISE)
    with pytest.raises(PlannerError, match=r"multiple, e\.g\. 21"):
        draw("ts1", model, 20)
    with pytest.raises(PlannerError, match="drawn for 2 ticks"):
        propagation = draw("tsinf", model, 3, horizon=2)
        x = torch.zeros(3, 1, 1)
        for h in range(3):
            x, _ = propagation.step(model, x, torch.zeros(3, 1, 1), h)
