"""Transitions on disk: a segment's next observation is the next row's, so it is not stored twice.

    obs (N + S, O), action (N, A), reward (N,), terminated (N,), ticks (S,) of the S segments

Older files hold a buffer's rows as they are; so do checkpoints, which must give the same bits.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.agents.agent import Recorded
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.transitions import Transitions

ROWS = ("rows", "added")
COLUMNS = ("obs", "action", "reward", "terminated", "ticks")


@dataclass(frozen=True)
class Subsample:
    """Which transitions of many worlds are kept: the whole history of some of the worlds.

    Attributes:
        most: transitions, about.
        worlds: E that were stepped together, row by row; 1 where rows follow each other.
    """

    most: int
    worlds: int = 1

    def choose(self, transitions: Transitions) -> Transitions:
        """The transitions of evenly spread worlds, one world after the other."""
        ticks = -(-len(transitions) // self.worlds)
        count = min(max(self.most // max(ticks, 1), 1), self.worlds)
        chosen = np.linspace(0, self.worlds - 1, count).round().astype(int)
        rows = (np.arange(ticks) * self.worlds + chosen[:, None]).ravel()
        return transitions.take(rows[rows < len(transitions)])


def pack(transitions: Transitions) -> dict[str, Tensor]:
    """Tensors of transitions, in their order; what follows without a gap shares observations."""
    linked = (transitions.next_obs[:-1] == transitions.obs[1:]).all(1)
    ends = np.flatnonzero(np.append(~linked, True)) + 1 if len(transitions) else np.zeros(0, int)
    last = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))  # segments before a row
    obs = np.empty((len(transitions) + len(ends), transitions.obs.shape[1]), np.float32)
    obs[np.arange(len(transitions)) + last] = transitions.obs
    obs[ends + np.arange(len(ends))] = transitions.next_obs[ends - 1]
    return {
        "obs": torch.as_tensor(obs),
        "action": torch.as_tensor(np.ascontiguousarray(transitions.action)),
        "reward": torch.as_tensor(np.ascontiguousarray(transitions.reward)),
        "terminated": torch.as_tensor(np.ascontiguousarray(transitions.terminated)),
        "ticks": torch.as_tensor(np.diff(ends, prepend=0)),
    }


def unpack(tensors: dict[str, Tensor]) -> Transitions:
    """The transitions that `pack` was given. Raises DataError."""
    if not set(COLUMNS) <= set(tensors):
        raise DataError(f"expected {', '.join(COLUMNS)}, got {', '.join(sorted(tensors))}")
    obs, action, reward, terminated, ticks = (tensors[name].numpy() for name in COLUMNS)
    if int(ticks.sum()) != len(action) or len(obs) != len(action) + len(ticks):
        raise DataError(
            f"{len(ticks)} segments of {ticks.sum()} ticks in all, but {len(obs)} observations and "
            f"{len(action)} actions"
        )
    first = np.arange(len(action)) + np.repeat(np.arange(len(ticks)), ticks)
    return Transitions(obs[first], action, obs[first + 1], reward, terminated)


def as_recorded(tensors: dict[str, Tensor]) -> Recorded:
    """A buffer's content from a file of either kind. Raises DataError."""
    if set(ROWS) <= set(tensors):
        rows, added = tensors["rows"].numpy(), int(tensors["added"])
        if rows.ndim != 2 or rows.dtype != np.float32 or not len(rows) <= added <= 2**53:
            raise DataError(f"rows {rows.shape} {rows.dtype} of {added}: expected float32 (N, ...)")
        return Recorded(rows, added)
    held = unpack(tensors)
    buffer = ReplayBuffer(held.obs.shape[1], held.action.shape[1], max(len(held), 1))
    buffer.add(held)
    return Recorded(buffer.rows[: len(buffer)], buffer.added)


def megabytes(transitions: int, obs_size: int, action_size: int) -> float:
    """Size of a file of so many transitions that follow each other."""
    return 1e-6 * transitions * (4 * (obs_size + action_size + 1) + 1)


def recorded_transitions(recorded: Recorded, obs_size: int, action_size: int) -> Transitions:
    """A buffer's content, oldest first."""
    buffer = ReplayBuffer(obs_size, action_size, max(len(recorded.rows), 1))
    buffer.rows[: len(recorded.rows)], buffer.added = recorded.rows, recorded.added
    return buffer.all()
