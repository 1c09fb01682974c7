"""Outputs are written beside their name and renamed: whole, or as they were before.

Every file that a command makes goes through here; episodes alone grow tick by tick.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from robot_mbrl.contract.errors import DataError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Hand out a name beside `path` to write to; at the end the new file takes the old one's place.

    Whatever is raised within, the old file stays as it was and nothing is left beside it. Folders
    on the way are made; a link is followed.

    Raises:
        DataError: it cannot be written: a full disk, no permission, a folder or device of its name.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        _check_place(target)
        yield beside
        _to_disk(beside)
        os.replace(beside, target)
        _to_disk(target.parent)
    except OSError as error:
        raise DataError(_explain(path, target, error)) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a text (UTF-8) or bytes whole or not at all; raises DataError as `whole_file`.

    What is no text, such as a file name of other bytes that the text quotes, is escaped.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    with whole_file(path) as beside:
        beside.write_bytes(data)


def _check_place(target: Path) -> None:
    """Make the folder, clear away what killed processes left there; refuse what is no file."""
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "no ordinary file"
        raise DataError(f"{target}: is {kind}; choose another name for the file to write")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise DataError(f"{target}: {target.parent} is no folder; choose another name") from error
    for left in target.parent.glob(f".{target.name}.*.tmp"):
        owner = left.suffixes[-2].removeprefix(".")
        if owner.isdecimal() and not _lives(int(owner)):
            left.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _to_disk(path: Path) -> None:
    """Without this a power cut may leave the new name with nothing in it."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(path: Path, target: Path, error: OSError) -> str:
    place = next(p for p in (target.parent, *target.parents) if p.exists())
    free = shutil.disk_usage(place).free
    kept = "; the file of before is as it was" if target.is_file() else ""
    why = error.strerror or str(error)
    return f"{path}: cannot be written ({why}); {free} bytes are free there{kept}"
