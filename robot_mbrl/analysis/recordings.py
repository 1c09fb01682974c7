"""Held-out episodes, simulated or recorded, as the analysis takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import Episode
from robot_mbrl.data.segment import Segment


@dataclass(frozen=True)
class Recording:
    """One episode: the sample of everything that is promised for fresh episodes.

    Attributes:
        segments: its parts without gaps, oldest first; more than one where ticks were lost.
    """

    segments: tuple[Segment, ...]

    @property
    def obs(self) -> np.ndarray:
        """Observations before each transition, (T, O)."""
        return np.concatenate([s.obs[:-1] for s in self.segments])

    @property
    def action(self) -> np.ndarray:
        """Actions of each transition, (T, A)."""
        return np.concatenate([s.action for s in self.segments])

    @property
    def next_obs(self) -> np.ndarray:
        """Observations after each transition, (T, O)."""
        return np.concatenate([s.obs[1:] for s in self.segments])


def of_episode(episode: Episode) -> Recording:
    """A recorded episode; without segments when no two ticks follow one another."""
    return Recording(tuple(episode.segments()))


def segments_of(recordings: Sequence[Recording]) -> list[Segment]:
    """All segments of all recordings, in order."""
    return [s for r in recordings for s in r.segments]


def split(
    recordings: Sequence[Recording], rng: np.random.Generator
) -> tuple[list[Recording], list[Recording]]:
    """Whole episodes in two random halves: to calibrate on, and to test the calibration.

    Raises DataError for fewer than 2 episodes.
    """
    if len(recordings) < 2:
        raise DataError(
            f"analysis: {len(recordings)} usable held-out episodes, expected at least 2: one half "
            "calibrates, the other tests that; record more"
        )
    order = rng.permutation(len(recordings))
    half = (len(recordings) + 1) // 2
    return [recordings[i] for i in order[:half]], [recordings[i] for i in order[half:]]
