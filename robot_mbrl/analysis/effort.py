"""How much a command works and swings: its size, and how fast it changes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.data import Episode


@dataclass(frozen=True)
class Effort:
    """Effort of each of A actuators, in its own unit; nan where no tick counts.

    Attributes:
        rms: root mean square of the applied command (A,).
        variation_per_s: sum of its absolute changes, per second (A,).
    """

    rms: FloatArray
    variation_per_s: FloatArray


def measure_effort(episode: Episode, counts: npt.NDArray[np.bool_]) -> Effort:
    """Effort in the ticks that `counts` (T,) chooses; a change counts where both of its ticks do
    and no tick is missing between them."""
    limits = np.array([a["limit"] for a in episode.metadata.actions], dtype=float)
    command = episode.actions * limits
    linked = counts[1:] & counts[:-1] & (np.diff(episode.index) == 1)
    changes = np.abs(np.diff(command, axis=0))[linked]
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(np.sum(command[counts] ** 2, 0) / np.sum(counts))
        seconds = np.sum(linked) / episode.metadata.rate_hz
        return Effort(rms, np.sum(changes, 0) / seconds)
