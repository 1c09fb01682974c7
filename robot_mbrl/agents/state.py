"""Parts of an agent's state: networks, Adam's moments and transitions, as tensors by name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from robot_mbrl.agents.agent import Recorded
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.replay import ReplayBuffer

NEW_SINCE = ("model.spread_scale",)  # older runs lack it; it is 1 there, as in an untrained model


def network_tensors(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Weights and buffers of every network, by its name and theirs."""
    return {f"{m}.{n}": t for m, net in networks.items() for n, t in net.state_dict().items()}


def load_tensors(into: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into others of the same names. Raises DataError when they do not fit."""
    for name, tensor in into.items():
        if name in NEW_SINCE and name not in tensors:
            continue
        if name not in tensors or tensors[name].shape != tensor.shape:
            raise DataError(
                f"weights: {name} is missing or has another shape; "
                "the run was made with another robot or configuration"
            )
        with torch.no_grad():
            tensor.copy_(tensors[name])


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Adam's moments and step counters, by the optimizer's name."""
    tensors: dict[str, Tensor] = {}
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{name}.{index}.{key}": value for key, value in state.items()}
    return tensors


def load_optimizers(
    optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, Tensor]
) -> None:
    """Put tensors saved by `optimizer_tensors` back. Raises DataError when they do not fit."""
    for name, optimizer in optimizers.items():
        sizes = [p.numel() for group in optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"optimizer.{name}."):
                *_, index, entry = key.split(".")
                state.setdefault(int(index), {})[entry] = value
        if any(k >= len(sizes) or s["exp_avg"].numel() != sizes[k] for k, s in state.items()):
            raise DataError(
                f"checkpoint: moments of {name} do not fit {sizes} weights; it was written with "
                "another configuration or version; start the run anew in another folder"
            )
        whole = optimizer.state_dict()
        optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})


def recorded(buffers: Mapping[str, ReplayBuffer]) -> dict[str, Recorded]:
    """What buffers hold, by name; no copy."""
    return {n: Recorded(b.rows[: len(b)], b.added) for n, b in buffers.items()}


def load_transitions(
    buffers: Mapping[str, ReplayBuffer], transitions: Mapping[str, Recorded]
) -> None:
    """Fill those buffers of which there are transitions. Raises DataError when they do not fit."""
    for name in buffers.keys() & transitions.keys():
        buffer, rows = buffers[name], transitions[name].rows
        if rows.shape[1] != buffer.rows.shape[1] or len(rows) > buffer.capacity:
            raise DataError(
                f"transitions: {name} rows {rows.shape}, expected at most {buffer.rows.shape}; "
                "they were recorded with other settings"
            )
        buffer.rows[: len(rows)], buffer.added = rows, transitions[name].added


def torch_state(rng: torch.Generator) -> list[int]:
    """A generator's state, JSON-able."""
    state: Any = rng.get_state().tolist()
    return list(state)


def load_torch_state(rng: torch.Generator, state: list[int]) -> None:
    """Put a state of `torch_state` back."""
    rng.set_state(torch.tensor(state, dtype=torch.uint8))
