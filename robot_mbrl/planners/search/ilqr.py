"""Iterative LQR on the model's derivatives, with the regularization and line search of Tassa, Erez
and Todorov 2012, "Synthesis and stabilization of complex behaviors through online trajectory
optimization", and limits on actions as in Tassa, Mansard and Todorov 2014.

Linearize along the current trajectory, solve that problem (lqr.py), search along its solution for a
step that the model itself finds better. Loops end on conditions, so this planner stays off board.
Shapes: H horizon, S state, O observation, A action.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.planners.objective.scoring import score_plans
from robot_mbrl.planners.objective.staged import StagedModel
from robot_mbrl.planners.search.lqr import LocalPolicy, backward, differentiate
from robot_mbrl.planners.search.sampling import Planned, finish, finite_or_zero

STEPS = 0.5 ** torch.arange(12.0)  # tried at once, as rows of one batch
MU_MIN, MU_MAX, MU_FACTOR = 1e-6, 1e8, 2.0  # of their regularization schedule
LEAST_GAIN = 1e-2  # share of the predicted improvement that a step must bring


@dataclass(frozen=True)
class IlqrConfig:
    """Settings of the planner."""

    horizon: int = 20
    """H, ticks looked ahead"""
    iterations: int = 50
    """rounds of linearizing and searching at most"""
    tolerance: float = 1e-6
    """stop when a round improves the score by less than this share of it"""
    mu: float = 0.0
    """initial regularization: keeps new states near the old ones, where the derivatives hold"""
    proposals: int = 0
    """1 also tries to start from the policy's plan"""


@dataclass(frozen=True)
class IlqrPlanned(Planned):
    """The result, with feedback gains K (..., H, A, S): u = plan[h] + K[h] (x - x_planned[h])."""

    gains: Tensor


@dataclass(frozen=True)
class _Trajectory:
    """States (H + 1, S) and actions (H, A), and what the model says they score."""

    x: Tensor
    u: Tensor
    score: float


def plan_ilqr(
    model: StagedModel, obs: Tensor, plan: Tensor, noise: Tensor | None, config: IlqrConfig
) -> IlqrPlanned:
    """Improve a plan by Newton-like steps.

    Args:
        model: a differentiable model in stages.
        obs: (..., O); leading dimensions are robots, planned for one after the other.
        plan: the warm start, (..., H, A); not finite counts as zeros, which compete anyway.
        noise: not looked at; there so that every planner is called alike.
        config: settings.

    Returns:
        IlqrPlanned, without a gradient; its score is -inf when neither the warm start nor zeros
        nor the policy has a finite score.
    """
    if obs.dim() > 1:
        each = [plan_ilqr(model, o, p, noise, config) for o, p in zip(obs, plan, strict=True)]
        columns = zip(*(vars(planned).values() for planned in each), strict=True)
        return IlqrPlanned(*(torch.stack(column) for column in columns))
    best = _first(model, obs, plan, config)
    gains = torch.zeros(*best.u.shape, best.x.shape[-1], dtype=best.u.dtype)
    mu, delta = config.mu, 1.0
    for _ in range(config.iterations if best.score > -torch.inf else 0):
        derivatives = differentiate(model, best.x, best.u)
        policy = None
        while policy is None and mu <= MU_MAX:
            policy = backward(derivatives, best.u.double(), mu)
            if policy is None:
                mu, delta = _more(mu, delta)
        if policy is None:
            break
        gains = policy.K.to(best.u)
        new = _search(model, obs, best, policy)
        if new is None:
            # At the optimum no step can improve; anywhere else a smaller one may.
            if -policy.linear <= config.tolerance * (1 + abs(best.score)) or mu > MU_MAX:
                break
            mu, delta = _more(mu, delta)
            continue
        gain, best = new.score - best.score, new
        mu, delta = _less(mu, delta)
        if gain <= config.tolerance * (1 + abs(best.score)):
            break
    with torch.no_grad():
        usable = torch.tensor(best.score > -torch.inf)
        return IlqrPlanned(**vars(finish(model, obs, best.u, usable)), gains=gains)


def _first(model: StagedModel, obs: Tensor, plan: Tensor, config: IlqrConfig) -> _Trajectory:
    """The best of the policy's plan, the warm start and doing nothing."""
    warm = finite_or_zero(plan).clamp(-1.0, 1.0)
    nothing = torch.zeros_like(warm)
    proposals = min(config.proposals, 1)
    with torch.no_grad():
        starts = torch.stack([*[nothing] * proposals, warm, nothing])
        imagined = score_plans(model, obs, starts, proposals)
        chosen = int(imagined.score.argmax())
        u = torch.where(torch.isfinite(imagined.score[chosen]), imagined.plans[chosen], nothing)
        x = [model.start(obs)]
        for h, action in enumerate(u):
            x.append(model.step(x[-1][None], action[None], h)[0][0])
    return _Trajectory(torch.stack(x), u, float(imagined.score[chosen]))


@torch.no_grad()
def _search(
    model: StagedModel, obs: Tensor, old: _Trajectory, policy: LocalPolicy
) -> _Trajectory | None:
    """The largest step that brings enough of what it promises, of all of STEPS at once."""
    n, (k, K) = len(STEPS), (policy.k.to(old.u), policy.K.to(old.u))
    x, states, actions = old.x[0].expand(n, -1), [old.x[0].expand(n, -1)], []
    for h in range(len(old.u)):
        u = old.u[h] + STEPS.to(k)[:, None] * k[h] + (x - old.x[h]) @ K[h].T
        u = u.clamp(-1.0, 1.0)
        x, _ = model.step(x, u, h)
        states.append(x)
        actions.append(u)
    plans, alpha = torch.stack(actions, 1), STEPS.double()
    score = score_plans(model, obs, plans).score.double()
    promised = -(alpha * policy.linear + alpha**2 / 2 * policy.quadratic)
    good = (score - old.score > LEAST_GAIN * promised) & (score > old.score)
    if not good.any():
        return None
    first = int(good.int().argmax())
    return _Trajectory(torch.stack(states, 1)[first], plans[first], float(score[first]))


def _more(mu: float, delta: float) -> tuple[float, float]:
    """Quadratic schedule: grows faster the longer it grows."""
    delta = max(MU_FACTOR, delta * MU_FACTOR)
    return max(MU_MIN, mu * delta), delta


def _less(mu: float, delta: float) -> tuple[float, float]:
    """Down to exactly 0, for Newton's convergence near the optimum."""
    delta = min(1 / MU_FACTOR, delta / MU_FACTOR)
    return (mu * delta if mu * delta >= MU_MIN else 0.0), delta
