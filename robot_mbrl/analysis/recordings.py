"""Held-out episodes, simulated or recorded, as the analysis takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import Episode
from robot_mbrl.models.judging.open_loop import Starts

Piece = tuple[np.ndarray, np.ndarray]
"""Observations (T + 1, O) and actions (T, A) without a gap."""


@dataclass(frozen=True)
class Recording:
    """One episode: the sample of everything that is promised for fresh episodes.

    Attributes:
        pieces: its parts without gaps, oldest first; more than one where ticks were lost.
    """

    pieces: tuple[Piece, ...]

    @property
    def obs(self) -> np.ndarray:
        """Observations before each transition, (T, O)."""
        return np.concatenate([o[:-1] for o, _ in self.pieces])

    @property
    def action(self) -> np.ndarray:
        """Actions of each transition, (T, A)."""
        return np.concatenate([a for _, a in self.pieces])

    @property
    def next_obs(self) -> np.ndarray:
        """Observations after each transition, (T, O)."""
        return np.concatenate([o[1:] for o, _ in self.pieces])


def of_episode(episode: Episode) -> Recording:
    """A recorded episode; without pieces when no two ticks follow one another."""
    return Recording(
        tuple(
            (episode.observations[s], episode.actions[s.start : s.stop - 1])
            for s in episode.segments()
        )
    )


def split(
    recordings: Sequence[Recording], rng: np.random.Generator
) -> tuple[list[Recording], list[Recording]]:
    """Whole episodes in two random halves: to calibrate on, and to judge the calibration.

    Raises DataError for fewer than 2 episodes.
    """
    if len(recordings) < 2:
        raise DataError(
            f"analysis: {len(recordings)} usable held-out episodes, expected at least 2: one half "
            "calibrates, the other judges; record more"
        )
    order = rng.permutation(len(recordings))
    half = (len(recordings) + 1) // 2
    return [recordings[i] for i in order[:half]], [recordings[i] for i in order[half:]]


def sample_starts(
    recordings: Sequence[Recording], ticks: int, count: int, rng: np.random.Generator
) -> Starts:
    """At most `count` windows of `ticks` ticks, drawn without replacement from all there are.

    Raises DataError when no piece is that long.
    """
    pieces = [p for r in recordings for p in r.pieces]
    rooms = np.array([max(0, len(a) - ticks + 1) for _, a in pieces], dtype=int)
    if rooms.sum() == 0:
        raise DataError(f"no episode has {ticks} ticks in a row; record longer ones")
    chosen = np.sort(rng.permutation(rooms.sum())[:count])
    piece = np.searchsorted(np.cumsum(rooms), chosen, side="right")
    first = chosen - (np.cumsum(rooms) - rooms)[piece]
    return Starts(
        np.stack([pieces[p][0][t : t + ticks + 1] for p, t in zip(piece, first, strict=True)]),
        np.stack([pieces[p][1][t : t + ticks] for p, t in zip(piece, first, strict=True)]),
    )
