"""config.json, checked once: what a run is for, what it was made with and where it came from."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.runs.run_folder import CONFIG, RunFolder

BROKEN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def read_head(path: Path) -> dict[str, Any]:
    """What config.json of a run folder says; raises DataError naming key and value.

    Always there: robot, robot_folder, fingerprint, seed. Where there are any: calibration, lineage.
    """
    values = RunFolder(path).read_object(CONFIG)
    table = TomlTable(values, str(path / CONFIG), error=DataError)
    for name in ("robot", "robot_folder", "fingerprint"):
        table.text(name)
    table.integer("seed", 0, 2**63)
    for name in ("calibration", "pretraining", "finetuning"):
        table.table(name, optional=True)
    if table.has("agent"):
        agent = table.table("agent")
        agent.text("name")
        agent.table("config")
    if table.has("lineage"):
        _check_lineage(table.table("lineage"))
    return values


def _check_lineage(lineage: TomlTable) -> None:
    """A run and its episodes, by name and hash, and its parents' in turn."""
    if lineage.has("run"):
        lineage.text("run")
    episodes = lineage.table("episodes", optional=True)
    for name in episodes.keys():  # noqa: SIM118
        episodes.text(name)
    if lineage.has("parent"):
        _check_lineage(lineage.table("parent"))


@contextlib.contextmanager
def files_fit(path: Path) -> Iterator[None]:
    """Within, what files of a run say is put into an agent; whatever does not fit is a DataError.

    Each agent has a state of its own, whose insides only it knows.
    """
    try:
        yield
    except BROKEN as error:
        raise DataError(
            f"{path}: its files do not fit each other ({type(error).__name__}: {error}); one of "
            "them is damaged, or of another version"
        ) from error
