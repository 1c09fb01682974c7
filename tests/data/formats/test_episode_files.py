"""Episodes of folders and files, by path."""

import shutil

import pytest

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import load_episodes


def test_folders_and_files_are_read_in_order(write, tmp_path):
    first = write(3)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b", "a"):
        shutil.copy(first, folder / f"{name}.mcap")
    (folder / "notes.txt").write_text("no episode")
    found = load_episodes([folder, first, first])
    assert list(found) == [str(folder / "a.mcap"), str(folder / "b.mcap"), str(first)]
    assert all(len(episode) == 3 for episode in found.values())


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(DataError, match=rf"no \.mcap files in {tmp_path}"):
        load_episodes([tmp_path])
    with pytest.raises(DataError, match=r"absent\.mcap: cannot be read"):
        load_episodes([tmp_path / "absent.mcap"])


def test_cut_files_are_read_only_when_asked_to(write):
    path = write(5)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataError, match="--recover"):
        load_episodes([path])
    [episode] = load_episodes([path], recover=True).values()
    assert len(episode) == 5 and not episode.complete
