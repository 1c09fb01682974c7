"""The package pybullet, which may be missing and prints when it is imported."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from robot_mbrl.contract.errors import SettingsError, how_to_install


def import_pybullet() -> Any:
    """The module pybullet, without the line that it prints. Raises SettingsError without one."""
    with contextlib.nullcontext() if sys.modules.get("pybullet") else _quiet_stderr():
        try:
            import pybullet
        except ImportError as error:
            raise SettingsError(
                "backend 'pybullet' needs the package pybullet, which is not installed here: "
                + how_to_install("bullet")
                + ", or use backend 'mujoco'"
            ) from error
    return pybullet


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """C code writes to the file, whatever sys.stderr is."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
