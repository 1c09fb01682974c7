"""Stretches of consecutive transitions out of a buffer that many worlds fill side by side.

A vector environment of E worlds appends E rows per step, so a world's next transition lies E rows
on, unless its episode ended there.
"""

import numpy as np
import numpy.typing as npt

from robot_mbrl.data.transitions import Transitions

FARTHEST = 4096  # more worlds than anybody steps together
TRIES = 32


def stride_of(transitions: Transitions) -> int:
    """E, how many rows on a transition's successor lies; 0 where rows do not follow each other."""
    obs, next_obs = transitions.obs, transitions.next_obs
    for row in range(min(TRIES, len(transitions))):
        ahead = obs[row + 1 : row + 1 + FARTHEST]
        found = np.flatnonzero((ahead == next_obs[row]).all(1))
        if len(found):
            return int(found[0]) + 1
    return 0


def draw_chains(
    transitions: Transitions, steps: int, count: int, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Up to `count` stretches of `steps` consecutive transitions, drawn at random.

    Returns observations (steps + 1, O) and actions (steps, A) of each; fewer than `count`, or none,
    where episodes end too soon or rows do not follow each other.
    """
    stride = stride_of(transitions)
    last = len(transitions) - stride * (steps - 1)
    if not stride or last < 1:
        return []
    # Half as many again: some starts have an episode's end within reach.
    starts = rng.integers(last, size=3 * count // 2)
    rows = starts[:, None] + stride * np.arange(steps)
    obs, next_obs = transitions.obs[rows], transitions.next_obs[rows]
    linked = (next_obs[:, :-1] == obs[:, 1:]).all((1, 2)) if steps > 1 else np.ones(len(rows), bool)
    whole = np.concatenate([obs, next_obs[:, -1:]], 1)[linked][:count]
    return list(zip(whole, transitions.action[rows][linked][:count], strict=True))


def linked_stretches(
    transitions: Transitions, chosen: npt.NDArray[np.bool_]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The longest stretches of chosen rows (T,) of one world that follow each other.

    Returns observations (n + 1, O) and actions (n, A) of each.
    """
    ends = (transitions.next_obs[:-1] != transitions.obs[1:]).any(1) | ~chosen[1:] | ~chosen[:-1]
    pieces = np.split(np.arange(len(transitions)), np.flatnonzero(ends) + 1)
    return [
        (
            np.concatenate([transitions.obs[rows], transitions.next_obs[rows[-1:]]]),
            transitions.action[rows],
        )
        for rows in pieces
        if len(rows) and chosen[rows[0]]
    ]
