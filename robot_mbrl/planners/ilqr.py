"""Iterative LQR on the model's derivatives, with the regularization and line search of Tassa, Erez
and Todorov 2012, "Synthesis and stabilization of complex behaviors through online trajectory
optimization", and limits on actions as in Tassa, Mansard and Todorov 2014.

Letters as there: l cost of a stage, f dynamics, V value to go (a cost), k and K the step and its
feedback; x, u along the current trajectory. Loops end on conditions, so this planner stays off
board. Shapes: H horizon, S state, A action.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.planners.sampling import Planned, finish, finite_or_zero
from robot_mbrl.planners.scoring import score_plans
from robot_mbrl.planners.staged import StagedModel

STEPS = 0.5 ** torch.arange(12.0)  # tried at once, as rows of one batch
MU_MIN, MU_MAX, MU_FACTOR = 1e-6, 1e8, 2.0  # of the schedule in Tassa et al. 2012, section II-F
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


@dataclass(frozen=True)
class _Derivatives:
    """Of the discounted cost and the dynamics along a trajectory, in double precision."""

    fx: Tensor
    fu: Tensor
    lx: Tensor
    lu: Tensor
    lxx: Tensor
    lux: Tensor
    luu: Tensor
    Vx: Tensor
    Vxx: Tensor


@dataclass(frozen=True)
class _Policy:
    """Steps k (H, A), gains K (H, A, S), and the improvement that a step alpha k promises:
    alpha * linear + alpha^2 / 2 * quadratic, both of the cost."""

    k: Tensor
    K: Tensor
    linear: float
    quadratic: float


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


def differentiate(model: StagedModel, x: Tensor, u: Tensor) -> _Derivatives:
    """Derivatives at states (H + 1, S) and actions (H, A); costs are negative rewards."""
    size, horizon = x.shape[-1], len(u)
    with torch.enable_grad():
        z = torch.cat([x[:-1], u], -1).detach().requires_grad_()
        last = x[-1:].detach().requires_grad_()
        ticks = torch.arange(horizon).to(z.dtype)
        following, reward = model.step(z[:, :size], z[:, size:], ticks)
        df = _jacobian(following, z)
        dl, ddl = _gradient_and_hessian(-reward, z)
        dV, ddV = _gradient_and_hessian(-model.close(last, horizon), last)
    return _Derivatives(
        fx=df[..., :size],
        fu=df[..., size:],
        lx=dl[:, :size],
        lu=dl[:, size:],
        lxx=ddl[:, :size, :size],
        lux=ddl[:, size:, :size],
        luu=ddl[:, size:, size:],
        Vx=dV[0],
        Vxx=ddV[0],
    )


def _jacobian(y: Tensor, z: Tensor, *, again: bool = False) -> Tensor:
    """dy/dz (N, M, Z) of rows y (N, M) that each depend on their own row of z (N, Z) only."""

    def gradient(m: int) -> Tensor:
        return torch.autograd.grad(
            y[:, m].sum(), z, retain_graph=True, create_graph=again, materialize_grads=True
        )[0]

    rows = [gradient(m) for m in range(y.shape[1])]
    stacked = torch.stack(rows, 1)
    return stacked if again else stacked.double()


def _gradient_and_hessian(y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """(N, Z) and (N, Z, Z) of y (N,), row by row."""
    if not y.requires_grad:  # a constant, such as no terminal value
        return torch.zeros_like(z).double(), z.new_zeros(*z.shape, z.shape[1]).double()
    gradient = _jacobian(y[:, None], z, again=True)[:, 0]
    if not gradient.requires_grad:  # linear in z
        return gradient.double(), z.new_zeros(*z.shape, z.shape[1]).double()
    return gradient.detach().double(), _jacobian(gradient, z)


def backward(d: _Derivatives, u: Tensor, mu: float) -> _Policy | None:
    """The recursion from the end; None where Quu is not positive definite, so mu must grow."""
    Vx, Vxx, linear, quadratic = d.Vx, d.Vxx, 0.0, 0.0
    ks, Ks = [], []
    eye = torch.eye(len(Vx), dtype=Vx.dtype)
    for h in reversed(range(len(u))):
        fx, fu = d.fx[h], d.fu[h]
        Qx, Qu = d.lx[h] + fx.T @ Vx, d.lu[h] + fu.T @ Vx
        Qxx, Quu = d.lxx[h] + fx.T @ Vxx @ fx, d.luu[h] + fu.T @ Vxx @ fu
        Qux = d.lux[h] + fu.T @ Vxx @ fx
        # Regularized by a quadratic cost on leaving the old states, not the old actions (eq. 10).
        near = Vxx + mu * eye
        step = _bounded(
            d.luu[h] + fu.T @ near @ fu, Qu, d.lux[h] + fu.T @ near @ fx, -1 - u[h], 1 - u[h]
        )
        if step is None:
            return None
        k, K = step
        linear, quadratic = linear + float(k @ Qu), quadratic + float(k @ Quu @ k)
        # Exact for the regularized gains too (eq. 11).
        Vx = Qx + K.T @ (Quu @ k + Qu) + Qux.T @ k
        Vxx = Qxx + K.T @ Quu @ K + K.T @ Qux + Qux.T @ K
        Vxx = (Vxx + Vxx.T) / 2
        ks.append(k)
        Ks.append(K)
    return _Policy(torch.stack(ks[::-1]), torch.stack(Ks[::-1]), linear, quadratic)


def _bounded(
    Quu: Tensor, Qu: Tensor, Qux: Tensor, low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor] | None:
    """The k in [low, high] (A,) that minimizes k' Quu k / 2 + k' Qu, and gains K (A, S) that are 0
    where the limit holds it. None unless Quu and the rest are finite and Quu positive definite.

    Projected Newton: with one action the first round is exact, each other one frees or binds some.
    """
    if not all(torch.isfinite(q).all() for q in (Quu, Qu, Qux)):
        return None
    if torch.linalg.eigvalsh((Quu + Quu.T) / 2)[0] <= 1e-10:
        return None
    k, K = torch.zeros_like(Qu), torch.zeros_like(Qux)
    for _ in range(2 * len(Qu) + 1):
        slope = Qu + Quu @ k
        bound = ((k <= low) & (slope > 0)) | ((k >= high) & (slope < 0))
        free = ~bound
        if not free.any():
            return k, K
        block = Quu[free][:, free]
        new = k.clone()
        new[free] = k[free] - torch.linalg.solve(block, slope[free])
        new = torch.maximum(torch.minimum(new, high), low)
        moved, k = (new - k).abs().max(), new
        if moved <= 1e-12:
            break
    K[free] = -torch.linalg.solve(Quu[free][:, free], Qux[free])
    K[(k <= low) & (Qu + Quu @ k > 0) | (k >= high) & (Qu + Quu @ k < 0)] = 0.0
    return k, K


@torch.no_grad()
def _search(
    model: StagedModel, obs: Tensor, old: _Trajectory, policy: _Policy
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
