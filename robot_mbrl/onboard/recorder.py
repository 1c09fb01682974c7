"""Ticks of a running robot into an episode file; the loop stops the robot when the disk fails."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data.formats.mcap_writer import EpisodeWriter, TickRecord
from robot_mbrl.data.tick import Tick

SYNC_S = 0.5
"""Seconds between two waits for the disk: a power cut loses at most about twice as much."""
MOST_WAITING = 1000
"""Ticks that a slow disk may be behind."""


class Recorder:
    """Writes every tick at once and the footer at the end."""

    def __init__(self, writer: EpisodeWriter) -> None:
        """Take over `writer`."""
        self._writer = writer

    def record(self, tick: Tick) -> None:
        """Append a tick; raises DataError when it cannot be written."""
        self._writer.write(tick)

    def close(self, reason: StopReason, message: str, report: dict[str, Any]) -> None:
        """Write why it ended; raises DataError. Later calls do nothing."""
        self._writer.close(reason.value, {"message": message, **report})


class BackgroundRecorder(Recorder):
    """Hands ticks to a thread that writes them, and twice a second waits until the disk has them.

    A card that takes half a second for that makes no tick late. What cannot be written is raised at
    the next tick or at the end.
    """

    def __init__(self, writer: EpisodeWriter) -> None:
        super().__init__(writer)
        self._waiting: queue.Queue[TickRecord | None] = queue.Queue(MOST_WAITING)
        self._error: DataError | None = None
        self._told = False
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._thread.start()

    def record(self, tick: Tick) -> None:
        """Hand over a tick.

        Raises DataError when this or an earlier one cannot be written, or the disk is too slow.
        """
        if self._error is not None:
            self._told = True
            raise self._error
        try:
            self._waiting.put_nowait(self._writer.prepare(tick))
        except queue.Full:
            raise DataError(
                f"{self._writer.path}: the disk is {MOST_WAITING} ticks behind; record to a faster "
                "one"
            ) from None

    def close(self, reason: StopReason, message: str, report: dict[str, Any]) -> None:
        """Write what waits and why it ended; raises DataError, also for ticks that were lost."""
        self._waiting.put(None)
        self._thread.join()
        super().close(reason, message, report)
        if self._error is not None and not self._told:
            self._told = True
            raise self._error

    def _write_all(self) -> None:
        """Until None comes; after an error the rest is taken and dropped."""
        synced_s, dirty = time.monotonic(), False
        while True:
            due_s = synced_s + SYNC_S
            try:
                record = self._waiting.get(timeout=max(0.0, due_s - time.monotonic()))
                if record is None:
                    return
                self._try(self._writer.append, record)
                dirty = True
            except queue.Empty:
                pass
            if time.monotonic() >= due_s:
                if dirty:
                    self._try(self._writer.sync)
                synced_s, dirty = time.monotonic(), False

    def _try(self, step: Callable[..., None], *values: TickRecord) -> None:
        """Do a step unless one before failed; keeps what is raised for the loop's thread."""
        try:
            if self._error is None:
                step(*values)
        except DataError as error:
            self._error = error
