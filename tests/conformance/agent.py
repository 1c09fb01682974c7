"""What every agent must do, whatever it learns by: one suite, run for each in the registry.

A test of an agent asks `check_...` of a function that makes one from a seed. Its environment has 2
observation columns and 1 action, see support/slide_env.py.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robot_mbrl.agents.agent import Agent, AgentState, ModelAgent, Recorded
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.learning.online import OnlineLearning
from robot_mbrl.models.fitting.fit import fit_normalizers
from robot_mbrl.runs.agent_state import create_run, save_agent
from robot_mbrl.runs.checkpoint import load_checkpoint, save_checkpoint
from robot_mbrl.runs.run_folder import CHECKPOINT, RunFolder
from tests.support.slide_env import CONFIG, Slide

Make = Callable[[int], Agent]
OBS = np.random.default_rng(0).uniform(-1, 1, (5, 2)).astype(np.float32)


def transitions(agent: Agent, seed: int, rows: int = 30) -> Transitions:
    """Transitions of a slide under random actions, side by side."""
    rng = np.random.default_rng(seed)
    obs = rng.uniform(-0.5, 0.5, (rows, 2)).astype(np.float32)
    action = rng.uniform(-1, 1, (rows, 1)).astype(np.float32)
    next_obs = (obs + 0.1 * np.concatenate([obs[:, 1:], action], 1)).astype(np.float32)
    reward = np.asarray(agent.task.reward(next_obs.astype(float), action), np.float32)
    return Transitions(obs, action, next_obs, reward, np.zeros(rows, bool))


def taught(make: Make, seed: int = 0) -> Agent:
    """An agent that has learned something."""
    agent = make(seed)
    agent.begin_episode()
    agent.observe(transitions(agent, 0))
    agent.warmed_up()
    if isinstance(agent, ModelAgent):
        fit_normalizers(agent.model, agent.real.all())
        agent.model_fitted(agent.real.all(), [])
    go_on(agent, 3)
    return agent


def go_on(agent: Agent, steps: int) -> list[np.ndarray]:
    """Act, observe and improve; returns the actions."""
    actions = []
    for step in range(steps):
        actions.append(agent.explore(OBS[:1]))
        agent.observe(transitions(agent, 10 + step, 1), np.array([step == 1]))
        if step == 1:
            agent.begin_episode(np.array([True]))
        agent.set_progress(step / 10)
        agent.improve(step, 2)
    return actions


def check_protocol(make: Make) -> None:
    """It is an Agent, and its class says what its settings are."""
    agent = make(0)
    assert isinstance(agent, Agent)
    assert isinstance(agent.config, agent.config_type)
    assert agent.config_type.agent_name


def check_shapes(make: Make) -> None:
    """Any number of environments side by side; actions are float32 in [-1, 1]."""
    for worlds in (1, 5):
        agent = taught(make)
        agent.begin_episode()
        action = agent.explore(OBS[:worlds])
        assert action.shape == (worlds, 1) and action.dtype == np.float32
        assert np.abs(action).max() <= 1
        evaluated = agent.policy()(OBS[:worlds])
        assert evaluated.shape == (worlds, 1) and np.abs(evaluated).max() <= 1
    assert all(np.isfinite(value) for value in agent.metrics().values())


def check_seeding(make: Make) -> None:
    """A seed makes the same agent, and another seed another one."""
    same, again, other = (go_on(taught(make, seed), 4) for seed in (0, 0, 1))
    np.testing.assert_array_equal(same, again)
    assert (np.array(same) != np.array(other)).any()


def check_policies_are_independent(make: Make) -> None:
    """Each call of `policy` begins anew, and acting changes nothing of the agent."""
    agent = taught(make)
    before = plain(agent.get_state())
    first = [agent.policy()(OBS) for _ in range(2)]
    np.testing.assert_array_equal(*first)
    same(before, plain(agent.get_state()))


def check_state_round_trip(make: Make) -> None:
    """What `get_state` gives, `set_state` takes, and the agent goes on to the same numbers."""
    agent = taught(make)
    state = plain(agent.get_state())
    json.loads(json.dumps(state.plain))
    copied = make(99)
    copied.set_state(state)
    same(state, plain(copied.get_state()))
    np.testing.assert_array_equal(*(go_on(a, 5) for a in (agent, copied)))
    same(plain(agent.get_state()), plain(copied.get_state()))
    np.testing.assert_array_equal(*(a.policy()(OBS) for a in (agent, copied)))


def check_checkpoint(make: Make, path: Path) -> None:
    """A checkpoint holds it all, in safetensors and JSON alone."""
    agent, folder = taught(make), RunFolder(path)
    for beside in (False, True):
        save_checkpoint(folder, agent, {"done": 7}, replay_beside=beside)
        copied = make(99)
        assert load_checkpoint(folder, copied) == {"done": 7}
        same(plain(agent.get_state()), plain(copied.get_state()))
    assert {p.suffix for p in path.iterdir()} == {".safetensors"}


def check_resume(make: Make, path: Path) -> None:
    """Learning that is interrupted anywhere goes on to the same bits."""
    ends = []
    for killed_at in (None, 37):
        folder = RunFolder(path / str(killed_at))

        def kill(step: int, *_: Any, last: int | None = killed_at) -> None:
            if step == last:
                raise InterruptedError

        try:
            learn(make, folder, kill)
        except InterruptedError:
            learn(make, folder, lambda *_: None)
        ends.append((folder.read_tensors(CHECKPOINT), folder.read_state(CHECKPOINT)))
    (first, state), (second, other) = ends
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert state["agent"] == other["agent"] and state["added"] == other["added"]


def learn(make: Make, folder: RunFolder, progress: Any) -> None:
    """Learn online into a folder."""
    config = replace(CONFIG, checkpoint_every=10)
    OnlineLearning(Slide(), make(0), config, lambda n: {"x": 1.0}, 0, folder).run(progress)


def check_run_folder(make: Make, path: Path, spec: Any, load: Callable[[], Agent]) -> None:
    """A finished run holds the agent; `load` reads it, and it acts alike."""
    agent, folder = taught(make), RunFolder(path)
    create_run(folder, spec, agent.config, 0)
    save_agent(folder, agent)
    loaded = load()
    assert type(loaded) is type(agent) and loaded.config == agent.config
    same(weights_only(agent), weights_only(loaded))
    np.testing.assert_array_equal(*(a.policy()(OBS) for a in (agent, loaded)))
    assert {p.suffix for p in path.iterdir()} == {".json", ".safetensors"}


def plain(state: AgentState) -> AgentState:
    """A copy: a state may be the agent's own memory."""
    return AgentState(
        {k: v.clone() for k, v in state.weights.items()},
        {k: v.clone() for k, v in state.learning.items()},
        {k: Recorded(v.rows.copy(), v.added) for k, v in state.transitions.items()},
        copy.deepcopy(state.plain),
    )


def weights_only(agent: Agent) -> AgentState:
    """What a finished run keeps."""
    return AgentState({k: v.clone() for k, v in agent.get_state().weights.items()})


def same(first: AgentState, second: AgentState) -> None:
    """Every bit of two states is the same."""
    for name in ("weights", "learning"):
        a, b = getattr(first, name), getattr(second, name)
        assert a.keys() == b.keys()
        for key, value in a.items():
            assert torch.equal(value, b[key]), key
    assert first.transitions.keys() == second.transitions.keys()
    for key, held in first.transitions.items():
        np.testing.assert_array_equal(held.rows, second.transitions[key].rows)
        assert held.added == second.transitions[key].added
    assert json.dumps(first.plain) == json.dumps(second.plain)
