"""Agents by name, imported when asked for; a new one is a line here.

An agent that is not built in is found by "module:Class".
"""

import importlib
from typing import Any

from robot_mbrl.agents.agent import Agent, AgentConfig
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.observation.protocol import Layout

AGENTS = {
    "mbpo": "robot_mbrl.agents.mbpo:Mbpo",
    "pets": "robot_mbrl.agents.pets:Pets",
}
CONFIGS = {
    "simulation": "robot_mbrl.agents.mbpo:simulation_config",
    "fixed data": "robot_mbrl.agents.mbpo:pessimistic_config",
}
"""Where learning takes place -> what makes the settings of the agent that is best there."""


def find_agent(name: str) -> type[Any]:
    """The class of an agent. Raises SettingsError for a name that is none."""
    path = AGENTS.get(name, name)
    if ":" not in path:
        known = ", ".join(sorted(AGENTS))
        raise SettingsError(f"agent {name!r}: expected {known} or 'module:Class'")
    found: type[Any] = _imported(path)
    if not hasattr(found, "config_type"):
        raise SettingsError(f"agent {name!r}: {path} is no class of agents; see agents/agent.py")
    return found


def make_agent(layout: Layout, task: Any, config: AgentConfig, capacity: int, seed: int) -> Agent:
    """The agent that the settings are of; it has learned nothing.

    Args:
        layout: of the observation.
        task: gives reward and termination.
        config: settings.
        capacity: real transitions that there will be at most.
        seed: of every generator inside.
    """
    agent: Agent = find_agent(config.agent_name)(layout, task, config, capacity, seed)
    return agent


def default_config(place: str) -> AgentConfig:
    """Settings of the agent that learns best in a place of `CONFIGS`."""
    config: AgentConfig = _imported(CONFIGS[place])()
    return config


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"agent {path!r}: cannot be imported: {error}") from error
