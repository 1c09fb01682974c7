"""What finetuning learns from and what it keeps out to choose by.

Whole episodes are kept out where there are enough of them; parts of each where there are few, such
as one long log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.calibration import describe_offsets
from robot_mbrl.contract.errors import CalibrationError, ContractMismatchError, DataError
from robot_mbrl.data import Episode
from robot_mbrl.data.segment import Segment
from robot_mbrl.learning.finetune.config import FinetuneConfig


@dataclass(frozen=True)
class Split:
    """Segments to learn from and segments kept out; no row is in both.

    Attributes:
        held_episodes: names of the episodes kept out whole.
    """

    train: list[Segment]
    held: list[Segment]
    held_episodes: tuple[str, ...] = ()


def check_episodes(episodes: Mapping[str, Episode], spec: RobotSpec) -> None:
    """Raise ContractMismatchError for an episode that this robot did not record, CalibrationError
    for one recorded with other joint offsets than this robot has."""
    for name, episode in episodes.items():
        if episode.metadata.fingerprint != spec.fingerprint:
            raise ContractMismatchError(
                f"{name}: recorded on robot {episode.metadata.robot!r} with fingerprint "
                f"{episode.metadata.fingerprint}, this run is for {spec.name!r} with "
                f"{spec.fingerprint}; pass episodes of that robot"
            )
    _check_offsets(episodes, spec)


def _check_offsets(episodes: Mapping[str, Episode], spec: RobotSpec) -> None:
    """Raise CalibrationError where angles were measured from other zeros than this robot's."""
    for name, episode in episodes.items():
        recorded = episode.metadata.joint_offset_rad
        if recorded and recorded != spec.offsets_rad:
            found = ", ".join(
                f"{j.name} {recorded.get(j.name, 0.0):g} {j.unit}" for j in spec.joints
            )
            raise CalibrationError(
                f"{name}: recorded with joint offsets {found}, here they are "
                f"{describe_offsets(spec)}: the same angle would mean two poses. Pass the "
                "calibration it was recorded with (--calibration), and no episodes with another"
            )


def hold_out(
    episodes: Mapping[str, list[Segment]], config: FinetuneConfig, rng: np.random.Generator
) -> Split:
    """Split the segments of episodes by name.

    Raises DataError where too little is long enough to learn from and to predict in.
    """
    if not episodes:
        raise DataError("no episodes to finetune on; record some with `robot-mbrl collect`")
    usable = {n: episodes[n] for n in sorted(episodes) if _usable(episodes[n], config.error_steps)}
    whole = len(usable) >= config.whole_episodes
    split = _whole_episodes(usable, config, rng) if whole else _parts(usable, config)
    if not split.held or not _usable(split.train, config.error_steps):
        ticks = sum(len(s) for segments in episodes.values() for s in segments)
        raise DataError(
            f"finetuning needs {config.whole_episodes} episodes of more than {config.error_steps} "
            f"ticks in a row, or one of some {round(1 / config.holdout) * config.part_ticks}, to "
            f"learn from most and choose by the rest; got {len(usable)} such of {len(episodes)}, "
            f"{ticks} ticks in all; collect more"
        )
    return split


def _usable(segments: list[Segment], ticks: int) -> bool:
    return any(len(s) > ticks for s in segments)


def _whole_episodes(
    usable: dict[str, list[Segment]], config: FinetuneConfig, rng: np.random.Generator
) -> Split:
    count = max(1, round(config.holdout * len(usable)))
    held = set(rng.permutation(list(usable))[:count].tolist())
    return Split(
        [s for n, segments in usable.items() if n not in held for s in segments],
        [s for n, segments in usable.items() if n in held for s in segments],
        tuple(n for n in usable if n in held),
    )


def _parts(usable: dict[str, list[Segment]], config: FinetuneConfig) -> Split:
    """Every n-th part is kept out, n = 1 / holdout, beginning with the one of the seed's number."""
    every, number = round(1 / config.holdout), 0
    train: list[Segment] = []
    held: list[Segment] = []
    for segment in (s for segments in usable.values() for s in segments):
        edges = _edges(segment, config.part_ticks)
        chosen = []
        for a, b in pairwise(edges):
            long = b - a - 1 > config.error_steps
            chosen.append(bool(long and number % every == config.seed % every))
            number += long
        for is_held, group in groupby(range(len(chosen)), chosen.__getitem__):
            joined = list(group)
            # from row to row; what lies between two rows of different sides belongs to neither
            part = segment.take(edges[joined[0]], edges[joined[-1] + 1] - 1)
            (held if is_held else train).append(part)
    return Split([s for s in train if len(s)], held)


def _edges(segment: Segment, ticks: int) -> list[int]:
    """First rows of parts of about `ticks` rows each, and the end of the last."""
    rows = len(segment) + 1
    edges: list[int] = np.linspace(0, rows, max(1, round(rows / ticks)) + 1).astype(int).tolist()
    return edges
