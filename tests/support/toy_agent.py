"""An agent in one file, which no other file of the project knows.

Cross-entropy method over the gains of a linear policy, one episode a candidate: no model, no
replay, no gradients, actions that remember (it moves on from its last one), numbers of its own.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from robot_mbrl.agents.agent import AgentConfig, AgentState, Recorded, Worlds
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.transitions import Transitions


@dataclass(frozen=True)
class ToyConfig(AgentConfig):
    """Settings."""

    agent_name: ClassVar[str] = "tests.support.toy_agent:Toy"
    candidates: int = 2
    """episodes after which the best gains are taken"""
    sigma: float = 0.5
    """standard deviation of the gains tried"""
    memory: float = 0.5
    """share of the last action that is kept"""


class Toy:
    """The agent; see agents/agent.py."""

    config_type: ClassVar[type[AgentConfig]] = ToyConfig

    def __init__(self, layout: Layout, task: Any, config: Any, capacity: int, seed: int) -> None:
        self.layout, self.task, self.config = layout, task, config
        self.rng = np.random.default_rng(seed)
        self.gains = torch.zeros(layout.action_size, layout.size, dtype=torch.float64)
        self.real = ReplayBuffer(layout.size, layout.action_size, capacity)
        self.tried: list[tuple[float, list[Any]]] = []
        self.earned = 0.0
        self._draw()

    def _draw(self) -> None:
        noise = self.rng.standard_normal(tuple(self.gains.shape))
        self.candidate = self.gains.numpy() + self.config.sigma * noise
        self.last = np.zeros((1, self.layout.action_size))

    def begin_episode(self, worlds: Worlds | None = None) -> None:
        if worlds is not None:
            self.last[worlds] = 0.0
            return
        if self.earned:
            self.tried.append((self.earned, self.candidate.tolist()))
        self.earned = 0.0
        self._draw()

    def explore(self, obs: np.ndarray) -> np.ndarray:
        if len(self.last) != len(obs):
            self.last = np.zeros((len(obs), self.layout.action_size))
        self.last = self._act(obs, self.candidate, self.last)
        return self.last.astype(np.float32)

    def _act(self, obs: np.ndarray, gains: np.ndarray, last: np.ndarray) -> np.ndarray:
        kept = self.config.memory
        return np.clip(kept * last + (1 - kept) * obs @ gains.T, -1, 1)

    def observe(self, transitions: Transitions, truncated: Worlds | None = None) -> None:
        self.real.add(transitions)
        self.earned += float(transitions.reward.mean())

    def warmed_up(self) -> None:
        self.earned = 0.0

    def set_progress(self, done: float) -> None:
        pass

    def improve(self, step: int, updates: int) -> None:
        if len(self.tried) >= self.config.candidates:
            self.gains.copy_(torch.tensor(max(self.tried)[1]))
            self.tried.clear()

    def policy(self) -> Policy:
        gains, last = self.gains.numpy().copy(), np.zeros(())

        def act(obs: np.ndarray) -> np.ndarray:
            nonlocal last
            last = self._act(obs, gains, last if last.ndim else np.zeros((len(obs), len(gains))))
            return last.astype(np.float32)

        return act

    def metrics(self) -> dict[str, float]:
        return {"gain": float(self.gains.abs().max())}

    def exportable(self) -> None:
        return None

    def get_state(self) -> AgentState:
        real = Recorded(self.real.rows[: len(self.real)], self.real.added)
        return AgentState(
            weights={"gains": self.gains},
            learning={
                "candidate": torch.as_tensor(self.candidate),
                "last": torch.as_tensor(self.last),
            },
            transitions={"real": real},
            plain={
                "rng": self.rng.bit_generator.state,
                "tried": self.tried,
                "earned": self.earned,
            },
        )

    def set_state(self, state: AgentState) -> None:
        from robot_mbrl.agents.state import load_tensors, load_transitions

        load_tensors({"gains": self.gains}, state.weights)
        load_transitions({"real": self.real}, state.transitions)
        if state.learning:
            self.candidate = state.learning["candidate"].numpy().copy()
            self.last = state.learning["last"].numpy().copy()
        self.rng.bit_generator.state = state.plain["rng"]
        self.tried = [(value, gains) for value, gains in state.plain["tried"]]
        self.earned = state.plain["earned"]
