"""A folder that one process at a time writes into; the lock dies with its process."""

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

from robot_mbrl.contract.errors import DataError

LOCK = ".in-use"
NO_LOCKS_THERE = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


class FolderLock:
    """Within the context no other process (or thread) enters the same folder.

    The system releases the lock when the process ends, however it ends: nothing has to be removed
    by hand after `kill -9`. File systems without locks are not guarded.

    Args:
        folder: made if missing; removed at the end if it is still empty then.

    Raises:
        DataError: somebody else is in it, naming the process; the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handle: int | None = None
        self._made = False

    def __enter__(self) -> "FolderLock":
        try:
            self._made = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._handle = self._lock()
        except FileExistsError as error:
            raise DataError(f"{self.folder}: is a file, expected a folder to write into") from error
        except OSError as error:
            raise DataError(
                f"{self.folder}: cannot be written into ({error.strerror}); choose another folder"
            ) from error
        return self

    def _lock(self) -> int:
        """A locked descriptor of the lock's file as it is now: it may be removed while we wait."""
        path = self.folder / LOCK
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                _take(handle, self.folder)
                if _is_same(handle, path):
                    os.truncate(handle, 0)
                    os.pwrite(handle, str(os.getpid()).encode(), 0)
                    return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        handle, self._handle = self._handle, None
        if handle is None:
            return
        # removed while it is held: who comes next makes a new one
        (self.folder / LOCK).unlink(missing_ok=True)
        os.close(handle)
        if self._made and self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def check_not_in_use(folder: Path) -> None:
    """Raise DataError, naming the process, where another one holds the folder's lock."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _take(handle, folder)
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
        raise DataError(
            f"{folder}: process {owner} is writing into this folder; wait until it ends, or choose "
            "another folder"
        ) from error
    except OSError as error:
        if error.errno not in NO_LOCKS_THERE:
            raise


def _is_same(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
