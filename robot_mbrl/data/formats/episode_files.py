"""Recorded episodes from folders and files."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.episode import Episode
from robot_mbrl.data.formats.mcap_reader import read_episode

logger = logging.getLogger(__name__)


def load_episodes(paths: Sequence[Path], *, recover: bool = False) -> dict[str, Episode]:
    """Read every .mcap file of some folders (or files), by file name; `recover` as in
    `read_episode`.

    A file of a folder that cannot be read is left out, with a warning that names it: one that was
    cut must not withhold the others. One that is named itself must be readable.

    Raises DataError for that, and where nothing is left.
    """
    episodes: dict[str, Episode] = {}
    left_out: list[str] = []
    for path in paths:
        if path.is_dir():
            for file, found in _of_folder(path, recover):
                if isinstance(found, Episode):
                    episodes[str(file)] = found
                else:
                    left_out.append(str(found))
        else:
            episodes[str(path)] = read_episode(path, recover=recover)
    if not episodes:
        where = ", ".join(map(str, paths))
        if left_out:
            raise DataError(f"no readable episode in {where}: " + "; ".join(left_out))
        raise DataError(f"no .mcap files in {where}")
    for reason in left_out:
        logger.warning("left out: %s", reason)
    return episodes


def _of_folder(folder: Path, recover: bool) -> Iterator[tuple[Path, Episode | DataError]]:
    """The files of a folder, each with its episode or why it has none."""
    for file in sorted(folder.glob("*.mcap")):
        try:
            yield file, read_episode(file, recover=recover)
        except DataError as error:
            yield file, error
