"""Where a killed run goes on from: all that its agent is, and the state of the loop around it.

One file that is replaced whole. Where real transitions are many and only grow while the run lasts,
they lie in a file beside it, written before; the checkpoint knows how many of them are its own.
"""

import json
import os
from typing import Any

import torch
from torch import Tensor

from robot_mbrl.agents.agent import Agent, AgentState, Recorded
from robot_mbrl.runs.agent_state import REAL
from robot_mbrl.runs.run_folder import CHECKPOINT, CHECKPOINT_REPLAY, REPLAY, RunFolder
from robot_mbrl.runs.run_head import files_fit

NETWORK, ROWS = "network.", "rows."


def save_checkpoint(
    folder: RunFolder, agent: Agent, loop: dict[str, Any], *, replay_beside: bool = False
) -> None:
    """Save the agent with the state of the loop around it, JSON-able."""
    whole = agent.get_state()
    added = {name: held.added for name, held in whole.transitions.items()}
    rows = {name: torch.as_tensor(held.rows) for name, held in whole.transitions.items()}
    if replay_beside and REAL in rows:
        beside = {"rows": rows.pop(REAL), "added": torch.tensor(added[REAL])}
        folder.write_tensors(CHECKPOINT_REPLAY, beside)
    tensors = {NETWORK + name: value for name, value in whole.weights.items()} | whole.learning
    tensors |= {ROWS + name: value for name, value in rows.items()}
    state = {"agent": whole.plain, "added": added, "loop": loop}
    folder.write_tensors(CHECKPOINT, tensors, {"state": json.dumps(state)})


def load_checkpoint(folder: RunFolder, agent: Agent) -> dict[str, Any]:
    """Put what `save_checkpoint` saved back into an agent of the same settings.

    Returns the state of the loop. Raises DataError when the file does not fit the agent.
    """
    tensors, state = folder.read_tensors(CHECKPOINT), folder.read_state(CHECKPOINT)
    with files_fit(folder.path):
        if "agent" not in state:
            state = _from_before(folder, state)
        rows = {name.removeprefix(ROWS): t for name, t in tensors.items() if name.startswith(ROWS)}
        if folder.has(CHECKPOINT_REPLAY):
            rows[REAL] = folder.read_tensors(CHECKPOINT_REPLAY)["rows"][: state["added"][REAL]]
        agent.set_state(_state_of(tensors, rows, state))
        loop: dict[str, Any] = state["loop"]
    return loop


def _state_of(
    tensors: dict[str, Tensor], rows: dict[str, Tensor], state: dict[str, Any]
) -> AgentState:
    return AgentState(
        weights={n.removeprefix(NETWORK): t for n, t in tensors.items() if n.startswith(NETWORK)},
        learning={n: t for n, t in tensors.items() if not n.startswith((NETWORK, ROWS))},
        transitions={n: Recorded(t.numpy(), state["added"][n]) for n, t in rows.items()},
        plain=state["agent"],
    )


def _from_before(folder: RunFolder, state: dict[str, Any]) -> dict[str, Any]:
    """Read a pretraining's checkpoint of older versions, which kept its transitions in REPLAY."""
    if not folder.has(CHECKPOINT_REPLAY):
        os.replace(folder.path / REPLAY, folder.path / CHECKPOINT_REPLAY)
    generators, made = state.pop("generators"), state.pop("transitions")
    return {"agent": generators, "added": {REAL: made}, "loop": state}
