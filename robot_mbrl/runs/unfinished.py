"""What a killed `bench learn` goes on from: a folder beside its output, gone when that is written.

It holds the settings, the record of each finished seed, and the checkpoint of the one in work.
"""

import contextlib
import shutil
from pathlib import Path
from typing import Any

from robot_mbrl.contract.files.folder_lock import FolderLock
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.same_settings import check_unchanged, differences

SETTINGS = "settings.json"


class Unfinished:
    """The folder of one output; within its context, of this process alone.

    Args:
        out: the output, FILE.json; the folder is FILE.unfinished.
        settings: what the results depend on, as JSON.

    Raises DataError when the folder is that of other settings or another process writes into it.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self._folder = RunFolder(out.with_suffix(".unfinished"))
        self._settings = settings
        self._lock = FolderLock(self._folder.path)

    def __enter__(self) -> "Unfinished":
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._lock)
            path = self._folder.path
            if (path / SETTINGS).exists():
                found = self._folder.read_json(SETTINGS)
                check_unchanged(path, differences(found, self._settings))
            self._folder.write_json(SETTINGS, self._settings)
            undo.pop_all()
        return self

    def __exit__(self, *what: Any) -> None:
        self._lock.__exit__(*what)

    def seed(self, seed: int) -> RunFolder:
        """Where one seed's checkpoint lies."""
        folder = RunFolder(self._folder.path / f"seed-{seed}")
        folder.path.mkdir(exist_ok=True)
        return folder

    def row(self, seed: int) -> Any:
        """A finished seed's record, or None."""
        name = f"seed-{seed}.json"
        return self._folder.read_json(name) if (self._folder.path / name).exists() else None

    def keep(self, seed: int, row: dict[str, Any]) -> None:
        """Save the record of a finished seed."""
        self._folder.write_json(f"seed-{seed}.json", row)

    def remove(self) -> None:
        """Everything is in the output."""
        shutil.rmtree(self._folder.path)
