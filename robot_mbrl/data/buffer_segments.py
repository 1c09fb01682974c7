"""Segments and windows out of a buffer that many worlds fill side by side.

A vector environment of E worlds appends E rows per step, so a world's next transition lies E rows
on, unless its episode ended there.
"""

import numpy as np
import numpy.typing as npt

from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows

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


def draw_windows(
    transitions: Transitions, ticks: int, count: int, rng: np.random.Generator
) -> Windows:
    """Up to `count` windows of `ticks` consecutive transitions, drawn at random.

    Fewer than `count`, or none, where episodes end too soon or rows do not follow each other.
    """
    stride = stride_of(transitions)
    last = len(transitions) - stride * (ticks - 1)
    # Half as many again: some starts have an episode's end within reach.
    starts = np.zeros(0, int) if not stride or last < 1 else rng.integers(last, size=3 * count // 2)
    rows = starts[:, None] + stride * np.arange(ticks)
    obs, next_obs = transitions.obs[rows], transitions.next_obs[rows]
    linked = (next_obs[:, :-1] == obs[:, 1:]).all((1, 2))
    whole = np.concatenate([obs, next_obs[:, -1:]], 1)
    return Windows(whole, transitions.action[rows]).take(np.flatnonzero(linked)[:count])


def linked_segments(transitions: Transitions, chosen: npt.NDArray[np.bool_]) -> list[Segment]:
    """The longest segments of chosen rows (T,) of one world that follow each other."""
    ends = (transitions.next_obs[:-1] != transitions.obs[1:]).any(1) | ~chosen[1:] | ~chosen[:-1]
    runs = np.split(np.arange(len(transitions)), np.flatnonzero(ends) + 1)
    return [
        Segment(
            np.concatenate([transitions.obs[rows], transitions.next_obs[rows[-1:]]]),
            transitions.action[rows],
        )
        for rows in runs
        if len(rows) and chosen[rows[0]]
    ]
