"""iLQR against Riccati, against derivatives done by hand, and where it must not trust them."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.networks.actor import Actor
from robot_mbrl.networks.critics import Critics
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.planners.objective.staged import StagedImagination
from robot_mbrl.planners.search.cem import CemConfig, plan_cem
from robot_mbrl.planners.search.ilqr import IlqrConfig, plan_ilqr
from robot_mbrl.planners.search.lqr import differentiate
from robot_mbrl.tasks.pendulum import PendulumSwingUp
from tests.support import linear_plant
from tests.support.linear_plant import KnownModel, LinearActor, QuadraticCritics, imagination
from tests.support.plain_plant import START, A, B, Plant, Poisoned, Q, R, riccati, run
from tests.support.robots import toy_layout

CONFIG = IlqrConfig(horizon=6)


def test_gain_and_plan_equal_the_riccati_solution() -> None:
    """With the exact value at the end, every gain is that of the infinite horizon."""
    P, K = riccati()
    planned = run(CONFIG)
    x = START.numpy()
    assert -planned.score.item() == pytest.approx(x @ P @ x, rel=1e-12)
    for h in range(6):
        np.testing.assert_allclose(planned.gains[h], -K, atol=1e-12)
        np.testing.assert_allclose(planned.plan[h], -K @ x, atol=1e-12)
        x = (A - B @ K) @ x


@pytest.mark.parametrize("gamma", [1.0, 0.8])
def test_gains_of_a_finite_horizon_equal_the_recursion(gamma: float) -> None:
    P, gains = np.zeros((4, 4)), []
    for _ in range(6):
        K = np.linalg.solve(R + gamma * B.T @ P @ B, gamma * B.T @ P @ A)
        P = Q + gamma * A.T @ P @ (A - B @ K)
        gains.append(-K)
    planned = run(CONFIG, model=Plant(terminal=np.zeros((4, 4)), gamma=gamma))
    np.testing.assert_allclose(planned.gains, gains[::-1], atol=1e-12)
    assert -planned.score.item() == pytest.approx(START.numpy() @ P @ START.numpy(), rel=1e-12)


def test_a_linear_plant_takes_one_step() -> None:
    one, many = run(replace(CONFIG, iterations=1)), run(CONFIG)
    torch.testing.assert_close(one.plan, many.plan)
    nothing = run(replace(CONFIG, iterations=0))
    assert not nothing.plan.any()
    assert not nothing.gains.any()


def test_limits_are_kept_by_the_best_plan_within_them_not_by_cutting_it_off() -> None:
    """A projected gradient descent on the actions, 20000 steps of it, finds the same plan."""
    far = START * 8
    planned = run(CONFIG, obs=far)
    model, u = Plant(), torch.zeros(6, 2).double().requires_grad_()
    for _ in range(20_000):
        (slope,) = torch.autograd.grad(model(far, u[None]).score.sum(), u)
        moved = (u + 0.05 * slope).detach().clamp(-1, 1)
        done, u = (moved - u).abs().max() < 1e-10, moved.requires_grad_()
        if done:
            break
    held = planned.plan.abs() == 1.0
    assert held.any()
    assert not held.all()
    torch.testing.assert_close(planned.plan, u.detach(), atol=1e-6, rtol=0)
    assert not planned.gains[held].any()  # a limit does not answer to the state


def test_batched_robots_get_their_own_gains() -> None:
    planned = run(CONFIG, obs=torch.stack([START, 8 * START]))
    assert planned.gains.shape == (2, 6, 2, 4)
    assert planned.gains[0].all()
    assert not planned.gains[1].all()


class Pendulum(Plant):
    """Swings up: cost 1 + cos(angle) where 0 hangs down; far from convex."""

    def step(self, state: Tensor, action: Tensor, tick: Any = 0) -> tuple[Tensor, Tensor]:
        p, v = state[:, 0], state[:, 2]
        reward = -(1 + p.cos()) - 0.01 * v**2 - 0.01 * (action**2).sum(-1)
        v = v + 0.1 * (-4 * p.sin() + 5 * action[:, 0])
        other = torch.zeros_like(p)
        return torch.stack([p + 0.1 * v, other, v, other], -1), reward

    def close(self, state: Tensor, tick: int = 0) -> Tensor:
        return -5 * (1 + state[:, 0].cos()) - state[:, 2] ** 2


def test_a_pendulum_swings_up_although_its_cost_is_not_convex() -> None:
    hanging = torch.zeros(4).double()
    warm = torch.full((30, 2), 0.1).double()
    start = Pendulum()(hanging, warm[None]).score.item()
    planned = run(IlqrConfig(horizon=30, iterations=200), obs=hanging, warm=warm, model=Pendulum())
    x = hanging[None]
    for u in planned.plan:
        x, _ = Pendulum().step(x, u[None])
    assert abs(abs(x[0, 0].item()) - math.pi) < 0.15
    assert planned.score.item() > start + 10


def test_scores_never_fall_from_round_to_round() -> None:
    hanging, warm = torch.zeros(4).double(), torch.full((30, 2), 0.1).double()
    scores = [
        run(IlqrConfig(30, n), obs=hanging, warm=warm, model=Pendulum()).score.item()
        for n in (0, 1, 3, 9)
    ]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]


def test_regularization_keeps_the_first_step_small() -> None:
    """mu is a cost on leaving the old states."""
    sizes = [
        run(replace(CONFIG, iterations=1, mu=mu)).plan.abs().max().item() for mu in (0, 10, 1e4)
    ]
    assert sizes[0] > sizes[1] > sizes[2] > 0


def test_every_setting_matters() -> None:
    """`proposals` has its own test below."""
    hanging, warm = torch.zeros(4).double(), torch.full((30, 2), 0.1).double()
    model = Pendulum()
    base = IlqrConfig(horizon=30, iterations=6)
    changes: dict[str, Any] = {"iterations": 2, "tolerance": 1.0, "mu": 100.0}
    plan = run(base, obs=hanging, warm=warm, model=model).plan
    for knob, value in changes.items():
        turned = run(replace(base, **{knob: value}), obs=hanging, warm=warm, model=model)
        assert not torch.equal(turned.plan, plan), knob
    assert run(IlqrConfig(horizon=7)).plan.shape == (7, 2)


def test_a_step_into_what_is_broken_is_not_taken() -> None:
    """The score, not its derivatives, decides."""
    obs = torch.tensor([-0.3, 0.0, 0.0, 0.0]).double()
    for poison in (math.nan, math.inf, -math.inf):
        planned = run(CONFIG, obs=obs, model=Poisoned(poison))
        assert torch.isfinite(planned.score)
        assert planned.plan[:, 0].max() <= 0.0


def test_the_policys_plan_is_a_start() -> None:
    K = riccati()[1]
    without = replace(CONFIG, iterations=0)
    assert not run(without, model=Plant(gain=K)).plan.any()
    planned = run(replace(without, proposals=1), model=Plant(gain=K))
    np.testing.assert_allclose(planned.plan[0], -K @ START.numpy(), atol=1e-12)


def test_derivatives_are_those_of_a_sine() -> None:
    x = torch.tensor([[0.4, 0.0, 0.3, 0.0], [0.1, 0.0, 0.2, 0.0]]).double()
    d = differentiate(Pendulum(), x, torch.tensor([[0.2, 0.1]]).double())
    c, s = math.cos(0.4), math.sin(0.4)
    np.testing.assert_allclose(d.fx[0, 2], [-0.4 * c, 0, 1, 0])
    np.testing.assert_allclose(d.fx[0, 0], [1 - 0.04 * c, 0, 0.1, 0])
    np.testing.assert_allclose(d.fu[0, 2], [0.5, 0])
    np.testing.assert_allclose(d.lx[0], [-s, 0, 0.02 * 0.3, 0])
    np.testing.assert_allclose(np.diag(d.lxx[0]), [-c, 0, 0.02, 0])
    np.testing.assert_allclose(d.luu[0], 0.02 * np.eye(2))
    np.testing.assert_allclose(d.Vx, [-5 * math.sin(0.1), 0, 2 * 0.2, 0])
    np.testing.assert_allclose(np.diag(d.Vxx), [-5 * math.cos(0.1), 0, 2, 0])


def staged(**changes: Any) -> StagedImagination:
    return StagedImagination(imagination(**changes))


def test_on_the_ensemble_the_gain_is_riccatis() -> None:
    """Three members that agree: their gains add up to the one of the plant."""
    _, K = linear_plant.riccati()
    obs = torch.tensor([0.3, -0.4])
    planned = plan_ilqr(staged(), obs, torch.zeros(4, 1), None, IlqrConfig(horizon=4))
    np.testing.assert_allclose(planned.gains[0].reshape(3, 2).sum(0), -K[0], rtol=1e-4)
    assert planned.plan[0].item() == pytest.approx(-(K @ obs.numpy()).item(), abs=1e-4)


def test_stages_add_up_to_the_score_of_the_ensemble() -> None:
    model = staged(
        model=KnownModel((0.01, 0.02, 0.03)), disagreement_penalty=0.3, actor=LinearActor((1, 1))
    )
    obs, plan = torch.tensor([0.3, -0.4]), torch.tensor([[0.5], [-0.2], [1.0]])
    x, total = model.start(obs)[None], torch.zeros(1)
    for h, u in enumerate(plan):
        x, reward = model.step(x, u[None], h)
        total = total + reward
    total = total + model.close(x, 3)
    torch.testing.assert_close(total, model(obs, plan[None]).score)


def test_without_a_policy_and_a_value_the_rewards_are_left() -> None:
    parts = {"actor": None, "critics": None, "terminal_value": False}
    obs = torch.tensor([0.3, -0.4])
    planned = plan_ilqr(staged(**parts), obs, torch.zeros(4, 1), None, IlqrConfig(horizon=4))
    with_value = plan_ilqr(staged(), obs, torch.zeros(4, 1), None, IlqrConfig(horizon=4))
    assert planned.value == 0.0
    assert not torch.equal(planned.plan, with_value.plan)


def test_the_disagreement_penalty_is_differentiated() -> None:
    model = KnownModel((0.0, 0.02, 0.04))
    sizes = []
    for penalty in (0.0, 3.0, 100.0):
        score = staged(model=model, disagreement_penalty=penalty)
        obs = torch.tensor([0.3, -0.4])
        planned = plan_ilqr(score, obs, torch.full((4, 1), 0.1), None, IlqrConfig(horizon=4))
        sizes.append(planned.plan.abs().mean().item())
    assert sizes[0] > sizes[1] > sizes[2]


def test_it_is_at_least_as_good_as_cem_with_many_plans() -> None:
    """On the ensemble, 2000 rows of the cross-entropy method."""
    score: Imagination = imagination(critics=QuadraticCritics(np.diag([3.0, 0.5])))
    obs = torch.tensor([0.5, 0.6])
    noise = torch.randn(5, 400, 4, 1, generator=torch.Generator().manual_seed(0))
    config = CemConfig(horizon=4, candidates=400, iterations=5, elites=20, proposals=0)
    cem = plan_cem(score, obs, torch.zeros(4, 1), noise, config)
    staged_score = StagedImagination(score)
    ilqr = plan_ilqr(staged_score, obs, torch.zeros(4, 1), None, IlqrConfig(horizon=4))
    assert ilqr.score >= cem.score


def networks() -> Imagination:
    """Untrained networks of a robot with angles and histories, two joints and two motors."""
    robot = toy_layout(joints=("arm", "pendulum"), wraps=(False, True), alpha=(0.7, 0.4))
    rng = torch.Generator().manual_seed(0)
    return Imagination(
        DynamicsEnsemble(robot, 3, 8, rng),
        PendulumSwingUp(robot),
        Actor(robot.size, 2, 8, rng),
        Critics(robot.size, 2, 2, 8, rng),
        gamma=0.95,
        disagreement_penalty=0.1,
    )


@pytest.mark.slow
def test_on_networks_it_finds_more_than_cem() -> None:
    score, warm = networks(), torch.zeros(3, 2)
    obs = 0.3 * torch.randn(score.model.layout.size, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(3, 60, 3, 2, generator=torch.Generator().manual_seed(0))
    config = CemConfig(horizon=3, candidates=60, iterations=3, proposals=20)
    with torch.no_grad():
        cem = plan_cem(score, obs, warm, noise, config)
    planned = plan_ilqr(StagedImagination(score), obs, warm, None, IlqrConfig(horizon=3))
    assert planned.score > score(obs, warm[None]).score[0] + 1e-3
    assert planned.score >= cem.score - 1e-3
    assert planned.gains.shape == (3, 2, 3 * score.model.layout.size)
    assert not planned.plan.requires_grad
    assert not planned.score.requires_grad
