"""Which recorded episodes a run learned from, itself or before: those say nothing about it."""

import hashlib
from pathlib import Path
from typing import Any

from robot_mbrl.data import Episode
from robot_mbrl.runs.run_folder import RunFolder


def learned_from(run: Path) -> set[str]:
    """SHA-256 of every episode that the run or one it descends from was fitted to.

    Episodes that a finetuning kept out count as learned from only where its folder is gone.
    """
    lineage = RunFolder(run).read_json("config.json").get("lineage")
    learned: set[str] = set()
    folder: Path | None = run
    while lineage:
        learned |= _fitted(lineage.get("episodes", {}), folder)
        folder = Path(lineage["run"]) if "run" in lineage else None
        lineage = lineage.get("parent")
    return learned


def kept_out_of(run: Path) -> set[str]:
    """SHA-256 of the episodes that the run's own finetuning kept out, to choose its model by."""
    episodes = RunFolder(run).read_json("config.json").get("lineage", {}).get("episodes", {})
    return set(episodes.values()) - _fitted(episodes, run)


def without(episodes: dict[str, Episode], learned: set[str]) -> dict[str, Episode]:
    """The episodes whose files are not among those of the given hashes, wherever they lie now."""
    return {
        name: episode
        for name, episode in episodes.items()
        if hashlib.sha256(episode.path.read_bytes()).hexdigest() not in learned
    }


def _fitted(episodes: dict[str, Any], folder: Path | None) -> set[str]:
    """Hashes of the episodes of one finetuning, but for those that it kept out."""
    kept_out: list[str] = []
    if folder and (folder / "finetune.json").exists():
        kept_out = RunFolder(folder).read_json("finetune.json")["holdout_episodes"]
    return {digest for name, digest in episodes.items() if name not in kept_out}
