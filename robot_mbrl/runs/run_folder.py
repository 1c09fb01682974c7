"""A run folder: files that are replaced whole, so that a kill leaves the previous one.

config.json, weights.safetensors, replay.safetensors, state.json, thresholds.json, metrics.jsonl,
TensorBoard; while it is unfinished, checkpoint.safetensors and checkpoint-replay.safetensors.
Everything needed to continue or to finetune is in it, and nothing in it is pickled.
"""

import contextlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import (
    open_regular,
    parse_json,
    parse_json_object,
    read_text,
    shown,
)
from robot_mbrl.contract.files.whole_file import whole_file, write_whole

CONFIG = "config.json"
STATE = "state.json"
WEIGHTS = "weights.safetensors"
REPLAY = "replay.safetensors"
CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_REPLAY = "checkpoint-replay.safetensors"
THRESHOLDS = "thresholds.json"
METRICS = "metrics.jsonl"
UNREADABLE = (OSError, SafetensorError, LookupError, RuntimeError, TypeError, ValueError)
"""What reading a broken safetensors file may raise."""


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).exists()

    @property
    def finished(self) -> bool:
        """Whether it holds a finished run. Raises DataError for a broken state.json."""
        return self.has(STATE) and self.read_object(STATE).get("finished") is True

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file whole or not at all; raises DataError."""
        write_whole(self.path / name, json.dumps(value, indent=1))

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run. Raises DataError."""
        path = self.path / name
        if not path.exists():
            raise DataError(
                f"{path}: no such file; is this a run folder made by "
                "`robot-mbrl pretrain` or `finetune`, and did it finish?"
            )
        return parse_json(read_text(path), str(path))

    def read_object(self, name: str) -> dict[str, Any]:
        """A JSON file of the run that holds an object. Raises DataError."""
        found = self.read_json(name)
        if not isinstance(found, dict):
            raise DataError(f"{self.path / name}: expected a JSON object, got {shown(found)}")
        return found

    def write_tensors(
        self, name: str, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
    ) -> None:
        """Write a safetensors file whole or not at all; raises DataError."""
        whole = {k: v.contiguous() for k, v in tensors.items()}
        with whole_file(self.path / name) as beside:
            try:
                save_file(whole, beside, metadata)
            except SafetensorError as error:
                raise OSError(f"{error}") from error

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Read a safetensors file of the run. Raises DataError, also for NaN in it."""
        path = self.path / name
        with _descriptor(path) as name_of_it:
            tensors = load_file(name_of_it)
        for key, tensor in tensors.items():
            if tensor.is_floating_point() and bool(tensor.isnan().any()):
                raise DataError(f"{path}: {key} holds NaN; the file is damaged")
        return tensors

    def read_state(self, name: str) -> dict[str, Any]:
        """The JSON that a checkpoint carries beside its tensors. Raises DataError."""
        path = self.path / name
        with _descriptor(path) as name_of_it, safe_open(name_of_it, "pt") as file:
            metadata = file.metadata() or {}
        return parse_json_object(metadata.get("state", ""), str(path))

    def remove(self, *names: str) -> None:
        """Delete files, as far as they are there."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def log(self, record: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl. Raises DataError."""
        path = self.path / METRICS
        if not path.exists():
            return []
        # what follows the last line break is a line that was cut: a full disk, a kill
        lines = read_text(path).split("\n")[:-1]
        return [parse_json_object(text, f"{path}: line {n}") for n, text in enumerate(lines, 1)]

    def forget_metrics_after(self, updates: int) -> None:
        """Drop lines of a continued run that will be logged again: later updates, and the fit."""
        kept = [m for m in self.metrics() if m.get("updates", math.inf) <= updates]
        write_whole(self.path / METRICS, "".join(json.dumps(m) + "\n" for m in kept))


@contextlib.contextmanager
def _descriptor(path: Path) -> Iterator[str]:
    """A name for an open file that safetensors reads, which knows no paths that are not UTF-8.

    Raises DataError for what is no ordinary file, or cannot be read within.
    """
    handle = open_regular(path)
    try:
        yield f"/dev/fd/{handle}"
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    finally:
        os.close(handle)
