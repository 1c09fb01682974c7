"""Reading an episode: MCAP back to arrays, every record checked; a cut file up to its last tick."""

import io
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mcap.exceptions import EndOfFile, McapError
from mcap.records import Footer, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import CRCValidationError, StreamReader

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.episode import Episode
from robot_mbrl.data.formats.mcap_writer import FOOTER, HEADER, SCHEMA
from robot_mbrl.data.header import EpisodeHeader
from robot_mbrl.data.tick import Tick, decode_tick

MAGIC = b"\x89MCAP0\r\n"
RECORD_HEAD = struct.Struct("<BQ")


@dataclass
class _Parts:
    """What was found in a file so far."""

    header: EpisodeHeader | None = None
    footer: dict[str, Any] | None = None
    ticks: list[Tick] = field(default_factory=list)
    ended: bool = False


def read_episode(path: str | Path, *, recover: bool = False) -> Episode:
    """Read an episode file.

    Args:
        path: the .mcap file.
        recover: read a file that was cut (power loss, kill -9, full disk) up to its last tick.

    Raises:
        DataError: no such file, not an episode, damaged, not finite, or cut and not `recover`.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not data.startswith(MAGIC):
        raise DataError(f"{path}: not an MCAP file, expected a recorded episode (.mcap)")
    whole = _whole_records(data)
    parts = _read_records(data[:whole], path)
    complete = parts.ended and data[whole:] == MAGIC and parts.footer is not None
    if not complete and not recover:
        raise DataError(
            f"{path}: cut after {len(parts.ticks)} whole ticks; "
            "pass recover=True (--recover) to read those"
        )
    if parts.header is None:
        raise DataError(f"{path}: cut before its header or of another program; nothing to recover")
    if complete and parts.footer and parts.footer.get("ticks") != len(parts.ticks):
        count = parts.footer.get("ticks")
        raise DataError(f"{path}: holds {len(parts.ticks)} ticks, its footer says {count}")
    return _assemble(path, parts.header, parts, complete)


def _whole_records(data: bytes) -> int:
    """Where the last whole record ends; the closing magic is not a record."""
    at = len(MAGIC)
    while at + RECORD_HEAD.size <= len(data):
        opcode, length = RECORD_HEAD.unpack_from(data, at)
        if opcode == MAGIC[0] or at + RECORD_HEAD.size + length > len(data):
            break
        at += RECORD_HEAD.size + int(length)
    return at


def _read_records(data: bytes, path: Path) -> _Parts:
    """Decode whole records; running out of them is no error here: `read_episode` decides."""
    parts = _Parts()
    try:
        for record in StreamReader(io.BytesIO(data), validate_crcs=True).records:
            _take(record, parts, path)
    except EndOfFile:
        pass
    except (McapError, CRCValidationError, struct.error, ValueError, MemoryError) as error:
        raise DataError(f"{path}: damaged MCAP file ({error})") from error
    return parts


def _take(record: McapRecord, parts: _Parts, path: Path) -> None:
    if isinstance(record, Metadata) and record.name == HEADER:
        parts.header = EpisodeHeader.from_strings(record.metadata, str(path))
    elif isinstance(record, Metadata) and record.name == FOOTER:
        parts.footer = {k: json.loads(v) for k, v in record.metadata.items()}
    elif isinstance(record, Schema) and record.name != SCHEMA:
        raise DataError(f"{path}: holds messages {record.name!r}, expected {SCHEMA!r}")
    elif isinstance(record, Message):
        parts.ticks.append(decode_tick(record.data, f"{path}: tick {len(parts.ticks)}"))
    elif isinstance(record, Footer):
        parts.ended = True


def _assemble(path: Path, header: EpisodeHeader, parts: _Parts, complete: bool) -> Episode:
    ticks, footer = parts.ticks, parts.footer or {}
    joints, columns, actions = len(header.joints), len(header.columns), len(header.actions)

    def stack(name: str, width: int) -> FloatArray:
        rows = [getattr(t, name) for t in ticks]
        if any(len(row) != width for row in rows):
            raise DataError(f"{path}: {name}: expected {width} numbers in every tick")
        return np.array(rows, dtype=np.float64).reshape(len(ticks), width)

    def column(name: str) -> FloatArray:
        return np.array([getattr(t, name) for t in ticks], dtype=np.float64)

    return Episode(
        path=path,
        metadata=header,
        index=np.array([t.index for t in ticks], dtype=np.int64),
        time_s=column("host_time_s"),
        device_time_s=column("device_time_s"),
        q_rad=stack("q_rad", joints),
        observations=stack("observation", columns),
        proposed=stack("proposed", actions),
        actions=stack("applied", actions),
        disagreement=column("disagreement"),
        innovation=stack("innovation", joints),
        lateness_s=column("lateness_s"),
        plan_time_s=column("plan_time_s"),
        flags=np.array([t.flags for t in ticks], dtype=np.int64),
        complete=complete,
        stop_reason=footer.get("stop_reason"),
        report=footer.get("report", {}),
    )
