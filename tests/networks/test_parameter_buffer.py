"""Parameters in one tensor: the same numbers, seen from both sides."""

import copy
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from robot_mbrl.networks.parameter_buffer import ALIGNED, flatten


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))


def test_values_and_gradients_are_views() -> None:
    net = network()
    before = copy.deepcopy(net.state_dict())
    x = torch.randn(4, 3)
    whole = flatten(net.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    net(x).square().sum().backward()  # accumulates in place
    assert whole.grad is not None
    assert all((p.grad != 0).any() for p in net.parameters())
    assert whole.grad.abs().sum() == sum(p.grad.abs().sum() for p in net.parameters())
    with torch.no_grad():
        whole.fill_(2.0)
    assert all((p == 2).all() for p in net.parameters())
    assert all(p.data_ptr() % (4 * ALIGNED) == whole.data_ptr() % (4 * ALIGNED)
               for p in net.parameters())  # fmt: skip


def test_one_step_of_adam_is_that_of_all_parameters() -> None:
    nets = [network(), network()]
    whole = flatten(nets[0].parameters())
    steppers = [
        torch.optim.AdamW(p, lr=0.1, weight_decay=0.5) for p in ([whole], nets[1].parameters())
    ]
    x = torch.randn(4, 3)
    for _ in range(3):
        for net, stepper in zip(nets, steppers, strict=True):
            stepper.zero_grad(set_to_none=False)
            net(x).square().sum().backward()
            stepper.step()
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_networks_are_saved_and_loaded_as_before(tmp_path: Path) -> None:
    net, other = network(), nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    whole = flatten(other.parameters(), gradients=False)
    assert whole.grad is None and all(p.grad is None for p in other.parameters())
    flatten(net.parameters())
    save_file(net.state_dict(), tmp_path / "net")
    other.load_state_dict(load_file(tmp_path / "net"))
    x = torch.randn(4, 3)
    assert torch.equal(net(x), other(x))
    assert torch.equal(whole[: 15], net[0].weight.flatten())  # fmt: skip


def test_a_copy_is_independent() -> None:
    net = network()
    whole = flatten(net.parameters())
    clone = copy.deepcopy(net)
    with torch.no_grad():
        whole.zero_()
    assert all((p != 0).any() for p in clone.parameters())
