"""Episodes of folders and files, by path."""

import os
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


def test_a_broken_file_does_not_withhold_its_folder(write, tmp_path, caplog):
    first = write(3)
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(first, folder / "good.mcap")
    (folder / "empty.mcap").write_bytes(b"")
    (folder / "cut.mcap").write_bytes(first.read_bytes()[:-60])
    os.mkfifo(folder / "pipe.mcap")
    assert list(load_episodes([folder])) == [str(folder / "good.mcap")]
    for name in ("empty", "cut", "pipe"):
        assert f"left out: {folder / name}.mcap: " in caplog.text
    assert "--recover" in caplog.text
    caplog.clear()
    found = load_episodes([folder], recover=True)
    assert list(found) == [str(folder / "cut.mcap"), str(folder / "good.mcap")]
    assert "cut.mcap" not in caplog.text and "empty.mcap" in caplog.text
    with pytest.raises(DataError, match=r"empty\.mcap: not an MCAP file"):
        load_episodes([folder, folder / "empty.mcap"], recover=True)


def test_a_folder_of_broken_files_names_each(write, tmp_path):
    path = write(3)
    path.write_bytes(path.read_bytes()[:-60])
    (tmp_path / "empty.mcap").write_bytes(b"")
    with pytest.raises(DataError, match=r"(?s)no readable episode in .*empty\.mcap.*--recover"):
        load_episodes([tmp_path])
