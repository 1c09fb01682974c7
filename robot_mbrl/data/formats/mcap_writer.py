"""Writing an episode: MCAP, one message a tick, each handed over before the next begins."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mcap.writer import CompressionType, Writer

from robot_mbrl.contract.arrays import check_shape
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data.formats.seal import seal, seal_strings
from robot_mbrl.data.header import EpisodeHeader
from robot_mbrl.data.tick import Tick, encode_tick, tick_schema

TOPIC = "/tick"
SCHEMA = "robot_mbrl.Tick"
HEADER = "robot_mbrl.header"
FOOTER = "robot_mbrl.footer"
PROFILE = "robot_mbrl"
FINISHED = StopReason.FINISHED.value


class WholeRecords:
    """The stream below the MCAP writer: each write reaches the system whole or leaves no trace.

    A full disk may take half a record; it is cut off again, so what lies before stays readable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end = 0
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError as error:
            raise DataError(f"{path}: exists already; episodes are never overwritten") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be created ({error.strerror})") from error

    def tell(self) -> int:
        """Bytes written so far."""
        return self.end

    def flush(self) -> None:
        """Nothing is held back."""

    def write(self, data: bytes) -> int:
        """Append all of `data`; raises DataError naming the path and the free bytes."""
        if self._file is None:
            raise DataError(f"{self.path}: the episode is closed")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            os.ftruncate(self._file, self.end)
            self.close()
            raise DataError(self._explain(error)) from error
        self.end += len(data)
        return len(data)

    def sync(self) -> None:
        """Wait until the disk holds what was written; raises DataError as `write`."""
        if self._file is None:
            return
        try:
            os.fsync(self._file)
        except OSError as error:
            self.close()
            raise DataError(self._explain(error)) from error

    def close(self) -> None:
        """Release the file; safe to call twice."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._file is None

    def _explain(self, error: OSError) -> str:
        free = shutil.disk_usage(self.path.parent).free
        return (
            f"{self.path}: cannot be written ({error.strerror}); {free} bytes are free there. "
            f"The {self.end} bytes before stay readable with recover=True (--recover); free some "
            "space or choose another folder"
        )


@dataclass(frozen=True)
class TickRecord:
    """An encoded tick and its host time in ns."""

    time_ns: int
    data: bytes


class EpisodeWriter:
    """Appends ticks to a new episode file; `kill -9` loses at most the tick being written.

    Use as a context manager or call `close`; without it the file reads with `recover=True` only.
    """

    def __init__(self, path: Path, header: EpisodeHeader) -> None:
        """Create the file; raises DataError if it exists or cannot be written."""
        self.path = path
        self.header = header
        self.ticks = 0
        self._stream = WholeRecords(path)
        # No chunks: a chunk is only readable when it is complete.
        self._mcap = Writer(
            self._stream,  # type: ignore[arg-type]
            use_chunking=False,
            compression=CompressionType.NONE,
            enable_data_crcs=True,
        )
        self._mcap.start(profile=PROFILE)
        self._mcap.add_metadata(HEADER, seal_strings(header.to_strings()))
        schema = self._mcap.register_schema(
            SCHEMA, "jsonschema", json.dumps(tick_schema()).encode()
        )
        self._channel = self._mcap.register_channel(TOPIC, "json", schema)

    def write(self, tick: Tick) -> None:
        """Append one tick; raises ShapeError, or DataError for NaN and for a full disk."""
        self.append(self.prepare(tick))

    def prepare(self, tick: Tick) -> TickRecord:
        """Check and encode a tick, without touching the disk; raises ShapeError or DataError."""
        header = self.header
        check_shape("tick: observation", tick.observation, (len(header.columns),))
        check_shape("tick: proposed", tick.proposed, (len(header.actions),))
        check_shape("tick: applied", tick.applied, (len(header.actions),))
        check_shape("tick: q_rad", tick.q_rad, (len(header.joints),))
        check_shape("tick: innovation", tick.innovation, (len(header.joints),))
        return TickRecord(round(tick.host_time_s * 1e9), seal(encode_tick(tick)))

    def append(self, record: TickRecord) -> None:
        """Write what `prepare` made; raises DataError for a full disk."""
        time_ns = record.time_ns
        self._mcap.add_message(self._channel, time_ns, record.data, time_ns, self.ticks)
        self.ticks += 1

    def sync(self) -> None:
        """Wait until the disk holds every tick so far: a power cut loses only later ones.

        May take long; never called by a thread that keeps time. Raises DataError.
        """
        self._stream.sync()

    def close(self, stop_reason: str = FINISHED, report: dict[str, Any] | None = None) -> None:
        """Write the footer and release the file; later calls do nothing. Raises DataError."""
        if self._stream.closed:
            return
        footer = {"stop_reason": stop_reason, "ticks": self.ticks, "report": report or {}}
        try:
            strings = {name: json.dumps(value) for name, value in footer.items()}
            self._mcap.add_metadata(FOOTER, seal_strings(strings))
            self._mcap.finish()  # type: ignore[no-untyped-call]
            self._stream.sync()
        finally:
            self._stream.close()

    def __enter__(self) -> "EpisodeWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(FINISHED if error is None else f"exception: {type(error).__name__}: {error}")
