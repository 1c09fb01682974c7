"""Perceptrons of E members run forwards and backwards by hand.

On a CPU, autograd spends as much time on a small network as its arithmetic takes: it allocates
every intermediate anew and walks a graph. Here the intermediates have their place, what a hidden
unit needs for its slope is made while it is in the cache, and the chain rule is written out. Tests
hold the gradients against autograd.
"""

from collections.abc import Iterable
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

NORM_EPS = 1e-5  # of torch's layer_norm
Activation = Literal["silu", "relu", "norm_relu"]


class Backprop:
    """Layers x -> f(x W + b) with a plain last one, and their gradients.

    Everything it returns is a buffer that its next call overwrites.

    Args:
        layers: each a `BatchedLinear`; parameters need a `.grad`, see `flatten`.
        activation: f of the hidden layers; "norm_relu" normalizes (LayerNorm without scale and
            shift) before its ReLU.
        dropout: share of hidden units set to zero, before f (Hiraoka et al. 2022, figure 1).
        rng: draws those.
    """

    def __init__(
        self,
        layers: Iterable[nn.Module],
        activation: Activation,
        dropout: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> None:
        self.layers: list[tuple[Any, Any]] = [(layer.weight, layer.bias) for layer in layers]
        self.activation, self.dropout, self.rng = activation, dropout, rng
        self.rows = -1

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Outputs (E, B, n_out) for x (E, B, n_in)."""
        if x.shape[1] != self.rows:
            self._make_room(x.shape[1])
        self.x = x
        for (weight, bias), hidden in zip(self.layers, self.hidden, strict=False):
            torch.baddbmm(bias, x, weight, out=hidden.out)
            x = hidden.forward()
        weight, bias = self.layers[-1]
        # Outputs are few, and products with few columns are slow: their rows are members' outputs.
        return torch.baddbmm(bias.mT, weight.mT, x.mT, out=self.out).mT

    @torch.no_grad()
    def backward(self, slope: Tensor) -> None:
        """Write each parameter's gradient, given that of the last outputs (E, B, n_out)."""
        last = len(self.layers) - 1
        for k in range(last, -1, -1):
            weight, bias = self.layers[k]
            below = self.hidden[k - 1].result if k else self.x
            if k == last:  # few columns: transposed, as in `forward`
                weight.grad.copy_(torch.bmm(slope.mT.contiguous(), below).mT)
            else:
                torch.bmm(below.mT, slope, out=weight.grad)
            torch.bmm(self.ones, slope, out=bias.grad)  # half the time of torch.sum
            if k:
                slope = self._descend(k, slope)

    @torch.no_grad()
    def input_gradient(self, slope: Tensor, columns: int) -> Tensor:
        """Gradient (E, B, columns) of the last `columns` inputs; no parameter's is touched."""
        for k in reversed(range(1, len(self.layers))):
            slope = self._descend(k, slope)
        return torch.bmm(slope, self.layers[0][0][:, -columns:].mT)

    def _descend(self, k: int, slope: Tensor) -> Tensor:
        """From the gradient of layer k's outputs to that of layer k - 1's."""
        hidden, weight = self.hidden[k - 1], self.layers[k][0]
        # with one column a product is as slow as with a dozen
        multiply = torch.mul if slope.shape[-1] == 1 else torch.bmm
        multiply(slope, weight.mT, out=hidden.slope)
        return hidden.backward()

    def _make_room(self, rows: int) -> None:
        kinds: dict[Activation, type[_Hidden]]
        kinds = {"silu": _Silu, "relu": _Relu, "norm_relu": _NormRelu}
        make, self.rows = kinds[self.activation], rows
        shapes = [(len(weight), rows, weight.shape[-1]) for weight, _ in self.layers]
        # the slopes of a layer are used up once those below it are made, so two buffers do
        slopes = {(shape, k % 2): torch.empty(shape) for k, shape in enumerate(shapes[:-1])}
        self.hidden: list[_Hidden] = [
            make(torch.empty(shape), slopes[shape, k % 2]) for k, shape in enumerate(shapes[:-1])
        ]
        if self.dropout:
            self.hidden = [_Dropout(h, self.dropout, self.rng) for h in self.hidden]
        members, rows, outputs = shapes[-1]
        self.out = torch.empty(members, outputs, rows)
        self.ones = torch.ones(members, 1, rows)


class _Hidden(Protocol):
    """Hidden units (E, B, H).

    Attributes:
        out: where their sums x W + b are written to.
        result: f of those, after `forward`.
        slope: where the gradient of `result` is written to, and after `backward` that of `out`.
    """

    out: Tensor
    result: Tensor
    slope: Tensor

    def __init__(self, out: Tensor, slope: Tensor) -> None: ...

    def forward(self) -> Tensor: ...

    def backward(self) -> Tensor: ...


class _Relu:
    def __init__(self, out: Tensor, slope: Tensor) -> None:
        self.out, self.slope, self.result = out, slope, out

    def forward(self) -> Tensor:
        return self.out.relu_()

    def backward(self) -> Tensor:
        return _through_relu(self.slope, self.result)


class _NormRelu:
    def __init__(self, out: Tensor, slope: Tensor) -> None:
        self.out, self.slope, self.result = out, slope, torch.empty_like(out)
        self.mean, self.rstd = torch.empty_like(out[..., :1]), torch.empty_like(out[..., :1])
        self.eps = torch.tensor(NORM_EPS)

    def forward(self) -> Tensor:
        # in passes over all rows: 0.6 of the time of torch's LayerNorm, which goes row by row
        torch.mean(self.out, -1, keepdim=True, out=self.mean)
        torch.sub(self.out, self.mean, out=self.result)
        torch.linalg.vector_norm(self.result, dim=-1, keepdim=True, out=self.rstd)
        share = 1 / self.out.shape[-1]
        torch.addcmul(self.eps, self.rstd, self.rstd, value=share, out=self.rstd).rsqrt_()
        return self.result.mul_(self.rstd).relu_()

    def backward(self) -> Tensor:
        slope = _through_relu(self.slope, self.result)
        back = torch.ops.aten.native_layer_norm_backward
        given = slope, self.out, self.out.shape[-1:], self.mean, self.rstd, None, None
        result: Tensor = back(*given, [True, False, False])[0]
        return result


class _Silu:
    """y = a s with s = sigmoid(a); its slope is s + y (1 - s), which is y + s (1 - y)."""

    def __init__(self, out: Tensor, slope: Tensor) -> None:
        self.out, self.slope, self.result = out, slope, out
        self.gain, self.one = torch.empty_like(out), torch.tensor(1.0)

    def forward(self) -> Tensor:
        torch.sigmoid(self.out, out=self.gain)
        self.out.mul_(self.gain)
        torch.lerp(self.out, self.one, self.gain, out=self.gain)
        return self.out

    def backward(self) -> Tensor:
        return self.slope.mul_(self.gain)


class _Dropout:
    """Drops units before f, and scales what is left so that its mean stays."""

    def __init__(self, units: _Hidden, share: float, rng: torch.Generator | None) -> None:
        self.units, self.share, self.rng = units, share, rng
        self.out, self.result, self.slope = units.out, units.result, units.slope
        self.keep = torch.empty_like(units.out)

    def forward(self) -> Tensor:
        self.keep.bernoulli_(1 - self.share, generator=self.rng).div_(1 - self.share)
        self.out.mul_(self.keep)
        return self.units.forward()

    def backward(self) -> Tensor:
        return self.units.backward().mul_(self.keep)


def _through_relu(slope: Tensor, result: Tensor) -> Tensor:
    """Where a unit's result is 0 nothing passes."""
    back: Tensor = torch.ops.aten.threshold_backward.grad_input(slope, result, 0, grad_input=slope)
    return back
