"""Where a run came from: its parents and the files it learned from, by hash."""

import hashlib
from pathlib import Path
from typing import Any

from robot_mbrl.runs.run_folder import RunFolder


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_lineage(run: Path) -> dict[str, Any]:
    """What is told about a run in files made from it: its folder, seed and own lineage."""
    head = RunFolder(run).read_json("config.json")
    own = {"run": str(run), "seed": head["seed"]}
    return own | {"parent": head["lineage"]} if "lineage" in head else own
