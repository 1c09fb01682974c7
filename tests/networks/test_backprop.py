"""Gradients by hand against autograd, for every activation, depth and number of outputs."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from robot_mbrl.networks.backprop import Activation, Backprop
from robot_mbrl.networks.batched_linear import BatchedLinear
from robot_mbrl.networks.parameter_buffer import flatten

E, B, HIDDEN = 3, 11, 7


def make_layers(*sizes: int) -> list[BatchedLinear]:
    rng = torch.Generator().manual_seed(0)
    layers = [BatchedLinear(E, a, b, rng) for a, b in itertools.pairwise(sizes)]
    for layer in layers:
        layer.bias.data.copy_(0.3 * torch.randn(layer.bias.shape, generator=rng))
    flatten(p for layer in layers for p in layer.parameters())
    return layers


def reference(
    layers: list[BatchedLinear], x: Tensor, kind: Activation, masks: list[Tensor] | None = None
) -> Tensor:
    for k, layer in enumerate(layers[:-1]):
        x = layer(x) * (masks[k] if masks else 1.0)
        if kind == "norm_relu":
            x = F.layer_norm(x, x.shape[-1:])
        x = F.silu(x) if kind == "silu" else F.relu(x)
    result: Tensor = layers[-1](x)
    return result


@pytest.mark.parametrize("kind", ["silu", "relu", "norm_relu"])
@pytest.mark.parametrize("sizes", [(4, HIDDEN, 1), (4, HIDDEN, HIDDEN + 2, 1), (4, 6, 6, 6, 6, 5)])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_outputs_and_gradients_are_autograds(
    kind: Activation, sizes: tuple[int, ...], dropout: float
) -> None:
    layers, rng = make_layers(*sizes), torch.Generator().manual_seed(1)
    net = Backprop(layers, kind, dropout, rng)
    for rows in (B, B + 5):  # another number of rows makes other room
        x = torch.randn(E, rows, sizes[0], generator=rng, requires_grad=True)
        weigh = torch.randn(E, rows, sizes[-1], generator=rng)
        out = net.forward(x.detach())
        masks = [h.keep for h in net.hidden] if dropout else None  # type: ignore[attr-defined]
        expected = reference(layers, x, kind, masks)
        torch.testing.assert_close(out, expected)
        parameters = [p for layer in layers for p in layer.parameters()]
        by_input, *gradients = torch.autograd.grad((expected * weigh).sum(), [x, *parameters])
        net.backward(weigh)
        for p, gradient in zip(parameters, gradients, strict=True):
            torch.testing.assert_close(p.grad, gradient, atol=1e-5, rtol=1e-4)
        before = [p.grad.clone() for p in parameters]
        net.forward(x.detach())
        if not dropout:  # otherwise other units are dropped now
            columns = net.input_gradient(weigh, 2)
            torch.testing.assert_close(columns, by_input[..., -2:], atol=1e-5, rtol=1e-4)
            assert all(torch.equal(p.grad, g) for p, g in zip(parameters, before, strict=True))


def test_rows_that_all_members_share_need_no_copies() -> None:
    layers = make_layers(4, HIDDEN, 1)
    net, x = Backprop(layers, "relu"), torch.randn(B, 4)
    weigh = torch.randn(E, B, 1)
    gradients = []
    for rows in (x.expand(E, B, 4), x.repeat(E, 1, 1)):
        net.forward(rows)
        net.backward(weigh)
        gradients.append(layers[0].weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_a_constant_row_is_normalized_to_finite_numbers() -> None:
    layers = make_layers(4, HIDDEN, 1)
    with torch.no_grad():
        layers[0].weight.zero_()
        layers[0].bias.fill_(3.0)
    net = Backprop(layers, "norm_relu")
    out = net.forward(torch.randn(E, B, 4))
    torch.testing.assert_close(out, reference(layers, torch.zeros(E, B, 4), "norm_relu"))
    net.backward(torch.ones(E, B, 1))
    assert torch.isfinite(layers[0].weight.grad).all()


def test_dropout_drops_its_share_keeps_the_mean_and_follows_its_generator() -> None:
    layers = make_layers(4, 400, 1)
    x = torch.randn(E, 200, 4)
    outs = []
    for seed in (0, 0, 1):
        net = Backprop(layers, "relu", 0.25, torch.Generator().manual_seed(seed))
        outs.append(net.forward(x).clone())
    assert torch.equal(outs[0], outs[1]) and not torch.equal(outs[0], outs[2])
    keep = net.hidden[0].keep  # type: ignore[attr-defined]
    assert (keep == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert keep.mean().item() == pytest.approx(1.0, abs=0.01)
