"""Windows of K ticks cut from segments: what open-loop predictions start from and are held to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract.arrays import check_shape
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.segment import Rows, Segment, long_enough


@dataclass(frozen=True)
class Windows:
    """W windows of K ticks.

    Attributes:
        obs: (W, K + 1, O).
        action: (W, K, A); action k acts between observation k and k + 1.

    Raises ShapeError where their numbers disagree.
    """

    obs: Rows
    action: Rows

    def __post_init__(self) -> None:
        """Check W and K."""
        count, ticks = self.action.shape[:2]
        check_shape("obs", self.obs, (count, ticks + 1, None))

    def __len__(self) -> int:
        """Windows W."""
        return len(self.obs)

    @property
    def ticks(self) -> int:
        """K."""
        return self.action.shape[1]

    @classmethod
    def cut(cls, segments: Sequence[Segment], ticks: int) -> "Windows":
        """Every window of `ticks` ticks, in order; none reaches from one segment into another.

        Raises DataError where no segment is that long.
        """
        found = [_cut(s, np.arange(len(s) - ticks + 1), ticks) for s in _long(segments, ticks)]
        return cls.concatenate(found)

    @classmethod
    def sample(
        cls, segments: Sequence[Segment], ticks: int, count: int, rng: np.random.Generator
    ) -> "Windows":
        """At most `count` windows, drawn without replacement from all that `cut` finds.

        Raises DataError where no segment is that long.
        """
        usable = _long(segments, ticks)
        ends = np.cumsum([len(s) - ticks + 1 for s in usable])
        chosen = np.sort(rng.permutation(ends[-1])[:count])
        parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
        begins = np.concatenate([[0], ends[:-1]])
        return cls.concatenate(
            [_cut(s, p - b, ticks) for s, p, b in zip(usable, parts, begins, strict=True)]
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Windows"]) -> "Windows":
        """One after the other."""
        obs, action = [w.obs for w in parts], [w.action for w in parts]
        return cls(np.concatenate(obs), np.concatenate(action))

    def take(self, index: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> "Windows":
        """The windows of an index (N,) or mask (W,)."""
        return Windows(self.obs[index], self.action[index])

    def first(self, ticks: int) -> "Windows":
        """The same windows without what follows their first `ticks` ticks."""
        return Windows(self.obs[:, : ticks + 1], self.action[:, :ticks])


def _long(segments: Sequence[Segment], ticks: int) -> list[Segment]:
    usable = long_enough(segments, ticks)
    if not usable:
        longest = max((len(s) for s in segments), default=0)
        raise DataError(
            f"no segment has {ticks} ticks in a row, the longest of {len(segments)} has {longest}; "
            "record longer ones"
        )
    return usable


def _cut(segment: Segment, begin: npt.NDArray[np.integer], ticks: int) -> Windows:
    """Windows of one segment that begin at ticks (W,)."""
    rows = begin[:, None] + np.arange(ticks + 1)
    return Windows(segment.obs[rows], segment.action[rows[:, :-1]])
