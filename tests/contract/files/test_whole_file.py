"""An output is whole or as it was before, whatever happens while it is written."""

import errno
import os
import stat

import pytest

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.whole_file import whole_file, write_whole


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_written_whole_with_its_folder(tmp_path):
    write_whole(tmp_path / "new" / "a.txt", "grün")
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "grün"
    assert names(tmp_path / "new") == ["a.txt"]
    assert stat.S_IMODE((tmp_path / "new" / "a.txt").stat().st_mode) & 0o600 == 0o600


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyError()])
def test_what_fails_leaves_the_file_of_before(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises((DataError, KeyError)) as caught, whole_file(path) as beside:
        beside.write_text("half of what sh")
        raise error
    assert path.read_text() == "before" and names(tmp_path) == ["a.txt"]
    if isinstance(error, OSError):
        message = str(caught.value)
        assert f"{path}: cannot be written (No space left on device)" in message
        assert "bytes are free there; the file of before is as it was" in message


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with whole_file(path) as beside:
        beside.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, kind in (("folder", "a folder"), ("pipe", "no ordinary file")):
        with pytest.raises(DataError, match=kind):
            write_whole(tmp_path / name, "x")
    (tmp_path / "null").symlink_to("/dev/null")
    with pytest.raises(DataError, match="no ordinary file"):
        write_whole(tmp_path / "null", "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file is no folder"):
        write_whole(tmp_path / "file" / "a.txt", "x")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.txt").write_text("before")
    (tmp_path / "a.txt").symlink_to(tmp_path / "far" / "a.txt")
    write_whole(tmp_path / "a.txt", "after")
    assert (tmp_path / "a.txt").is_symlink()
    assert (tmp_path / "far" / "a.txt").read_text() == "after"


def test_what_killed_processes_left_is_cleared_away(tmp_path):
    dead, ours = tmp_path / ".a.txt.4194305.tmp", tmp_path / f".a.txt.{os.getppid()}.tmp"
    dead.write_text("half")
    ours.write_text("another process writes it now")
    write_whole(tmp_path / "a.txt", "whole")
    assert names(tmp_path) == [ours.name, "a.txt"]
