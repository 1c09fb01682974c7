"""All that an agent that learns from scratch consists of, in one file that is replaced whole:
networks, optimizers, normalizers, elites, generators, real and imagined transitions, and the plans
that a planner starts from.

A run of pretraining keeps its transitions beside the checkpoint (runs.py); they are too many to
write again each time. Here they are few, and the imagined ones are lost otherwise.
"""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.agents.pets import Pets
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.planners.objective.propagation import Propagation
from robot_mbrl.runs.run_folder import (
    CHECKPOINT,
    RunFolder,
    generator_state,
    load_generator_state,
    load_networks,
    load_optimizers,
    network_tensors,
    optimizer_tensors,
    tensors_under,
)


def save_learner(folder: RunFolder, agent: Any, loop: dict[str, Any]) -> None:
    """Save an `Mbpo` or `Pets` with the state of the loop around it, JSON-able."""
    tensors = {f"network.{k}": v for k, v in network_tensors(agent).items()}
    if isinstance(agent, Mbpo):
        tensors |= {f"optimizer.{k}": v for k, v in optimizer_tensors(agent).items()}
        own = generator_state(agent) | {"relative_error": _listed(agent.relative_error)}
    else:
        tensors |= {f"plan.{k}": v for k, v in plan_tensors(agent).items()}
        own = {"torch": agent.torch_rng.get_state().tolist()}
    added = {}
    for name, buffer in buffers_of(agent).items():
        tensors[f"rows.{name}"] = torch.as_tensor(buffer.rows[: len(buffer)])
        added[name] = buffer.added
    state = {"agent": own, "added": added, "loop": loop}
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_tensors(CHECKPOINT, tensors, {"state": json.dumps(state)})


def load_learner(folder: RunFolder, agent: Any) -> dict[str, Any]:
    """Put what `save_learner` saved back into an agent of the same settings.

    Returns the state of the loop. Raises DataError when the file does not fit the agent.
    """
    tensors, state = folder.read_tensors(CHECKPOINT), folder.read_state(CHECKPOINT)
    load_networks(agent, tensors_under("network.", tensors))
    if isinstance(agent, Mbpo):
        load_optimizers(agent, tensors_under("optimizer.", tensors))
        load_generator_state(agent, state["agent"])
        error = state["agent"]["relative_error"]
        agent.relative_error = None if error is None else np.array(error)
    else:
        load_plans(agent, tensors_under("plan.", tensors))
        agent.torch_rng.set_state(torch.tensor(state["agent"]["torch"], dtype=torch.uint8))
    for name, buffer in buffers_of(agent).items():
        rows = tensors[f"rows.{name}"].numpy()
        if rows.shape[1] != buffer.rows.shape[1] or len(rows) > buffer.capacity:
            raise DataError(
                f"{folder.path}: {name} rows {rows.shape}, expected at most {buffer.rows.shape}; "
                "the checkpoint was made with other settings"
            )
        buffer.rows[: len(rows)], buffer.added = rows, state["added"][name]
    loop: dict[str, Any] = state["loop"]
    return loop


def buffers_of(agent: Mbpo | Pets) -> dict[str, ReplayBuffer]:
    """The agent's transitions, by name."""
    if isinstance(agent, Mbpo):
        return {name: getattr(agent, name) for name in ("real", "simulated", "imagined")}
    return {"real": agent.real}


def plan_tensors(agent: Pets) -> dict[str, Tensor]:
    """The warm start, as far as there is one, and the numbers drawn for this model's particles."""
    planner, propagation = agent.planner, agent.planner.model.propagation
    tensors = {"noise": propagation.noise, "order": propagation.order, "mix": propagation.mix}
    warm = {"plan": planner.plan, "kept": planner.kept}
    return tensors | {name: value for name, value in warm.items() if value is not None}


def load_plans(agent: Pets, tensors: dict[str, Tensor]) -> None:
    """Make the planner anew on the agent's model, with what `plan_tensors` saved."""
    agent.model_fitted(agent.real.all())
    planner = agent.planner
    planner.plan, planner.kept = tensors.get("plan"), tensors.get("kept")
    planner.model.propagation = Propagation(
        agent.config.propagation.kind, tensors["noise"], tensors["order"], tensors["mix"]
    )


def _listed(values: Any) -> list[float] | None:
    return None if values is None else values.tolist()
