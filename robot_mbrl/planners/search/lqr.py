"""The local linear-quadratic problem along a trajectory and its solution, a backward pass of iLQR.

Letters of Tassa et al. 2012: l cost of a stage, f dynamics, V cost to go, Q the same as a function
of state and action, k and K the step and its feedback; subscripts are derivatives. Shapes: H
horizon, S state, A action.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.planners.objective.staged import StagedModel


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of discounted cost and dynamics along a trajectory, in double precision."""

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
class LocalPolicy:
    """Steps k (H, A), gains K (H, A, S), and the improvement that a step alpha k promises:
    alpha * linear + alpha^2 / 2 * quadratic, both of the cost."""

    k: Tensor
    K: Tensor
    linear: float
    quadratic: float


def differentiate(model: StagedModel, x: Tensor, u: Tensor) -> Derivatives:
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
    return Derivatives(
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


def backward(d: Derivatives, u: Tensor, mu: float) -> LocalPolicy | None:
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
    return LocalPolicy(torch.stack(ks[::-1]), torch.stack(Ks[::-1]), linear, quadratic)


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
