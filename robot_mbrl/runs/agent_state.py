"""A run's settings and its finished agent, on disk; which agent it is stands in config.json."""

import dataclasses
from typing import Any

from robot_mbrl.agents.agent import Agent, AgentConfig, AgentState
from robot_mbrl.agents.registry import AGENTS, find_agent
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError
from robot_mbrl.runs.lineage import path_from
from robot_mbrl.runs.replay_file import Subsample, as_recorded, pack, recorded_transitions
from robot_mbrl.runs.run_folder import (
    CHECKPOINT,
    CHECKPOINT_REPLAY,
    CONFIG,
    REPLAY,
    STATE,
    WEIGHTS,
    RunFolder,
)
from robot_mbrl.runs.run_head import files_fit
from robot_mbrl.runs.settings import from_dict
from robot_mbrl.runs.stored_calibration import calibration_entry

REAL = "real"


def create_run(
    folder: RunFolder, spec: RobotSpec, config: AgentConfig, seed: int, **more: Any
) -> None:
    """Make the folder and save the resolved configuration; `more` are further keys of it."""
    folder.path.mkdir(parents=True, exist_ok=True)
    head = {
        "robot": spec.name,
        "robot_folder": path_from(folder.path, spec.folder),
        "fingerprint": spec.fingerprint,
        "agent": named_settings(config),
        "seed": seed,
    }
    folder.write_json(CONFIG, head | calibration_entry(spec) | more)


def named_settings(config: AgentConfig) -> dict[str, Any]:
    """An agent's settings as JSON, under `config`, and its name."""
    return {"name": config.agent_name, "config": dataclasses.asdict(config)}


def agent_config(head: dict[str, Any]) -> AgentConfig:
    """The agent's settings in a config.json; in older ones they stand under the agent's name.

    Raises DataError where there is no agent, SettingsError for one that cannot be found.
    """
    known = next(({"name": n, "config": head[n]} for n in AGENTS if n in head), None)
    entry = head.get("agent", known)
    if entry is None:
        raise DataError(f"{CONFIG}: names no agent; expected a key 'agent'")
    config: AgentConfig = from_dict(find_agent(entry["name"]).config_type, entry["config"])
    return config


def save_agent(
    folder: RunFolder, agent: Agent, subsample: Subsample | None = None, **state: Any
) -> None:
    """Save a finished agent; `state.json`, written last, makes it valid.

    Args:
        folder: has its config.json.
        agent: what has learned.
        subsample: of its real transitions, all of which are kept by default.
        state: further keys of state.json.
    """
    whole, notes = agent.get_state(), dict[str, Any]()
    folder.write_tensors(WEIGHTS, whole.weights)
    if REAL in whole.transitions:
        real = whole.transitions[REAL]
        made = recorded_transitions(real, agent.layout.size, agent.layout.action_size)
        kept = subsample.choose(made) if subsample else made
        folder.write_tensors(REPLAY, pack(kept))
        notes = {"transitions": {"kept": len(kept), "of": real.added}}
    state |= {"finished": True, "generators": whole.plain}
    folder.write_json(STATE, state | notes)
    folder.remove(CHECKPOINT, CHECKPOINT_REPLAY)


def read_state(folder: RunFolder) -> AgentState:
    """What `save_agent` saved. Raises DataError for a broken or unfinished run."""
    state = folder.read_object(STATE)
    if not state.get("finished"):
        raise DataError(
            f"{folder.path}: this run is not finished; continue it with `robot-mbrl pretrain`"
        )
    transitions = {}
    with files_fit(folder.path):
        if folder.has(REPLAY):
            transitions[REAL] = as_recorded(folder.read_tensors(REPLAY))
        weights = folder.read_tensors(WEIGHTS)
        return AgentState(weights, transitions=transitions, plain=state["generators"])
