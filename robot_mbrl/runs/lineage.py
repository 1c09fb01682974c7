"""Where a run came from: its parents, and the episodes that it or they learned from, by hash."""

import hashlib
import os
from pathlib import Path
from typing import Any

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.data import Episode
from robot_mbrl.runs.run_folder import CONFIG, STATE, RunFolder
from robot_mbrl.runs.run_head import read_head

FINETUNE = "finetune.json"


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_from(folder: Path, path: Path) -> str:
    """A path as it stands in the files of `folder`: seen from there, so that both can be moved
    together, and read from any working directory."""
    return os.path.relpath(path.resolve(), folder.resolve())


def path_in(folder: Path, written: str) -> Path:
    """Where a path that stands in the files of `folder` leads; absolute ones, which older runs
    have, stay."""
    return Path(os.path.normpath(folder.resolve() / written))


def run_lineage(run: Path, folder: Path) -> dict[str, Any]:
    """What stands about a run in the files of `folder` that are made from it: where it is, seen
    from there, its seed and own lineage."""
    head = read_head(run)
    own = {"run": path_from(folder, run), "seed": head["seed"]}
    return own | {"parent": head["lineage"]} if "lineage" in head else own


def parent_of(run: Path) -> Path | None:
    """The run that this one was finetuned from, or None: it was pretrained, or the parent is gone.

    A parent that is no longer where it was is looked for beside the run.
    """
    return _find(_lineage(run), run)


def ancestors(run: Path) -> list[Path]:
    """The run and those it was finetuned from, as far as they are still there, oldest first."""
    line, seen = [run], {run.resolve()}
    while True:
        parent = parent_of(line[0])
        if not parent or not (parent / STATE).exists() or parent.resolve() in seen:
            return line
        line.insert(0, parent)
        seen.add(parent.resolve())


def learned_from(run: Path) -> set[str]:
    """SHA-256 of every episode that the run or one it descends from was fitted to.

    Episodes that a finetuning kept out count as learned from only where its folder is gone.
    """
    lineage, folder, learned = _lineage(run), run, set[str]()
    beside: Path | None = folder
    while lineage:
        learned |= _fitted(lineage.get("episodes", {}), beside)
        beside = _find(lineage, beside or folder)
        lineage = lineage.get("parent", {})
    return learned


def kept_out_of(run: Path) -> set[str]:
    """SHA-256 of the episodes that the run's own finetuning kept out, to choose its model by."""
    episodes = _lineage(run).get("episodes", {})
    return set(episodes.values()) - _fitted(episodes, run)


def without(episodes: dict[str, Episode], learned: set[str]) -> dict[str, Episode]:
    """The episodes whose files are not among those of the given hashes, wherever they lie now."""
    return {
        name: episode
        for name, episode in episodes.items()
        if hash_file(episode.path) not in learned
    }


def _lineage(run: Path) -> dict[str, Any]:
    lineage: dict[str, Any] = read_head(run).get("lineage", {})
    return lineage


def _find(lineage: dict[str, Any], run: Path) -> Path | None:
    """The folder of the parent that a lineage names, there or beside the run."""
    if "run" not in lineage:
        return None
    named = path_in(run, lineage["run"])
    places = (named, run.resolve().parent / named.name)
    return next((p for p in places if (p / CONFIG).exists()), None)


def _fitted(episodes: dict[str, Any], folder: Path | None) -> set[str]:
    """Hashes of the episodes of one finetuning, but for those that it kept out."""
    kept_out: tuple[str, ...] = ()
    if folder and (folder / FINETUNE).exists():
        found = RunFolder(folder).read_object(FINETUNE)
        table = TomlTable(found, str(folder / FINETUNE), error=DataError)
        kept_out = table.names("holdout_episodes")
    return {digest for name, digest in episodes.items() if name not in kept_out}
