"""One process at a time writes into a folder; the lock dies with it."""

import os
import signal
import subprocess
import sys

import pytest

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.folder_lock import LOCK, FolderLock, check_not_in_use

HOLD = """
import sys, time
from pathlib import Path
from robot_mbrl.contract.files.folder_lock import FolderLock
with FolderLock(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(60)
"""


def test_a_second_one_is_refused_and_told_who_is_in(tmp_path):
    folder = tmp_path / "run"
    with FolderLock(folder):
        with pytest.raises(DataError, match=rf"process {os.getpid()} is writing into this folder"):
            FolderLock(folder).__enter__()
        with pytest.raises(DataError, match="is writing into this folder"):
            check_not_in_use(folder)
        (folder / "config.json").write_text("{}")
    check_not_in_use(folder)
    assert [p.name for p in folder.iterdir()] == ["config.json"]
    with FolderLock(folder):
        pass


def test_a_folder_that_nothing_was_written_into_is_not_left(tmp_path):
    with pytest.raises(KeyError), FolderLock(tmp_path / "run"):
        raise KeyError
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    with FolderLock(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_the_lock_dies_with_its_process(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "in\n"
        with pytest.raises(DataError, match=f"process {child.pid} is writing"):
            FolderLock(tmp_path).__enter__()
        os.kill(child.pid, signal.SIGKILL)
    assert (tmp_path / LOCK).exists()
    check_not_in_use(tmp_path)
    with FolderLock(tmp_path):
        pass


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(DataError, match=r"expected a folder|cannot be written into"):
            FolderLock(place).__enter__()
