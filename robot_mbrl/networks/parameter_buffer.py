"""All parameters of a network in one tensor: an optimizer's step, or a Polyak step, is one pass."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

ALIGNED = 16  # numbers; 64 bytes, a line of the cache, where matrix products like to begin


def flatten(parameters: Iterable[nn.Parameter], *, gradients: bool = True) -> nn.Parameter:
    """Move parameters into one new tensor, of which each becomes a view.

    With `gradients` the result has a gradient, zero, and each parameter's `.grad` is its view. The
    parameters stay the same objects, so modules, state_dict and load_state_dict go on as before;
    what must not happen is that somebody replaces `.data` or `.grad`, as `copy.deepcopy` and
    `zero_grad(set_to_none=True)` do.
    """
    kept = list(parameters)
    sizes = [-(-p.numel() // ALIGNED) * ALIGNED for p in kept]
    whole = nn.Parameter(torch.zeros(sum(sizes)), requires_grad=gradients)
    if gradients:
        whole.grad = torch.zeros_like(whole)
    for p, values in zip(kept, whole.data.split(sizes), strict=True):
        view = _view(values, p)
        view.copy_(p.data)
        p.data = view
    if whole.grad is not None:
        for p, values in zip(kept, whole.grad.split(sizes), strict=True):
            p.grad = _view(values, p)
    return whole


def _view(values: Tensor, like: Tensor) -> Tensor:
    return values[: like.numel()].view(like.shape)
