"""Recorded episodes from folders and files."""

from collections.abc import Sequence
from pathlib import Path

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.episode import Episode
from robot_mbrl.data.formats.mcap_reader import read_episode


def load_episodes(paths: Sequence[Path], *, recover: bool = False) -> dict[str, Episode]:
    """Read every .mcap file of some folders (or files), by file name; `recover` as in
    `read_episode`. Raises DataError."""
    files = [f for p in paths for f in (sorted(p.glob("*.mcap")) if p.is_dir() else [p])]
    if not files:
        raise DataError(f"no .mcap files in {', '.join(map(str, paths))}")
    return {str(f): read_episode(f, recover=recover) for f in files}
