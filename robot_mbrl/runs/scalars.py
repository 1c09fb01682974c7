"""A run folder whose metrics are TensorBoard scalars as well."""

from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from robot_mbrl.runs.run_folder import RunFolder

STEP_KEYS = ("updates", "model_steps", "transitions")
"""The first of these in a record is the scalar's step."""


class ScalarRunFolder(RunFolder):
    """`log` writes records to metrics.jsonl and their numbers to TensorBoard; use as a context."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._writer: SummaryWriter | None = None

    def log(self, record: dict[str, Any]) -> None:
        """Append one record."""
        super().log(record)
        if self._writer is None:
            # Not before the first record: no folder for a run that never began.
            self._writer = SummaryWriter(str(self.path / "tensorboard"))
        step_key = next((k for k in STEP_KEYS if k in record), None)
        step = int(record[step_key]) if step_key else 0
        for name, value in record.items():
            if name != step_key and isinstance(value, (int, float)):
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def __enter__(self) -> "ScalarRunFolder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()
