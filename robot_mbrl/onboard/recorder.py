"""Ticks of a running robot into an episode file; the loop stops the robot when the disk fails."""

from typing import Any

from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data.formats.mcap_writer import EpisodeWriter
from robot_mbrl.data.tick import Tick


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
