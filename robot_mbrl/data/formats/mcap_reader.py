"""Reading an episode: MCAP back to arrays, every record checked; a broken file up to its damage."""

import io
import logging
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Message, Metadata, Schema

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import parse_json
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.data.episode import Episode
from robot_mbrl.data.formats.mcap_records import (
    CutError,
    DamageError,
    UnlocatedDamageError,
    records,
)
from robot_mbrl.data.formats.mcap_writer import FOOTER, HEADER, SCHEMA
from robot_mbrl.data.formats.seal import check_strings, unseal
from robot_mbrl.data.header import EpisodeHeader
from robot_mbrl.data.tick import Tick, decode_tick

logger = logging.getLogger(__name__)


@dataclass
class _Parts:
    """What was found in a file so far."""

    header: EpisodeHeader | None = None
    footer: dict[str, Any] | None = None
    ticks: list[Tick] = field(default_factory=list)
    ended: bool = False
    damage: str = ""

    @property
    def sealed(self) -> bool:
        """Whether each record carries its own checksum."""
        return self.header is not None and self.header.format > 1


def read_episode(path: str | Path, *, recover: bool = False) -> Episode:
    """Read an episode file.

    Args:
        path: the .mcap file.
        recover: read a file that was cut (power loss, kill -9, full disk) or damaged up to the
            damage: every whole tick before it. Episodes of format 1 have one checksum for the whole
            file, so a changed digit in them is known but not found: a warning says so.

    Raises:
        DataError: no such file, not an episode, or cut or damaged and not `recover`, or so before
            its first tick.
    """
    path = Path(path)
    parts = _read_parts(path)
    complete = not parts.damage and parts.ended
    if not complete and not recover:
        how = f"damaged ({parts.damage})" if parts.damage else "cut"
        raise DataError(
            f"{path}: {how} after {len(parts.ticks)} whole ticks; "
            "pass recover=True (--recover) to read those"
        )
    if parts.header is None:
        reason = parts.damage or "cut"
        raise DataError(
            f"{path}: cut or damaged before its first tick, or of another program ({reason}); "
            "nothing to recover"
        )
    return _assemble(path, parts.header, parts, complete)


def _read_parts(path: Path) -> _Parts:
    """Everything up to the end or the damage, which is noted and not raised."""
    parts = _Parts()
    try:
        for opcode, content in records(path):
            _take(opcode, content, parts, path)
        _check_end(parts)
    except CutError:
        parts.ended = False
    except UnlocatedDamageError as damage:
        parts.damage = str(damage)
        if not parts.sealed:
            logger.warning("%s: %s; one of its ticks may be wrong", path, damage)
    except DamageError as damage:
        parts.damage = str(damage)
    return parts


def _take(opcode: int, content: bytes, parts: _Parts, path: Path) -> None:
    """Keep what a record says. Raises DamageError, or DataError for a file of another program."""
    try:
        stream = ReadDataStream(io.BytesIO(content))
        if opcode == Opcode.METADATA:
            _take_metadata(Metadata.read(stream), parts, path)
        elif opcode == Opcode.SCHEMA and parts.header is None:
            name = Schema.read(stream).name
            if name != SCHEMA:
                raise DataError(f"{path}: holds messages {name!r}, expected {SCHEMA!r}")
        elif opcode == Opcode.MESSAGE:
            _take_message(Message.read(stream, len(content)), parts)
        elif opcode == Opcode.FOOTER:
            parts.ended = True
    except (McapError, struct.error, ValueError) as error:
        raise DamageError(f"a broken record ({error})") from error


def _take_metadata(record: Metadata, parts: _Parts, path: Path) -> None:
    if record.name == HEADER and parts.header is None:
        parts.header = _header(record, path)
    elif record.name == FOOTER:
        try:
            if parts.sealed:
                check_strings(record.metadata, "the footer")
            parts.footer = _footer(record.metadata)
        except DataError as error:
            raise DamageError(str(error)) from error


def _header(record: Metadata, path: Path) -> EpisodeHeader:
    """Checksum first: a damaged header must not pass for that of another program."""
    try:
        check_strings(record.metadata, "the header")
        sealed = True
    except DataError:
        sealed = False
    header = EpisodeHeader.from_strings(record.metadata, str(path))
    if header.format > 1 and not sealed:
        raise DamageError("the checksum of the header does not fit")
    return header


def _footer(strings: dict[str, str]) -> dict[str, Any]:
    values = {name: parse_json(text, "the footer") for name, text in strings.items()}
    table = TomlTable(values, "the footer", error=DataError)
    return {
        "ticks": table.integer("ticks", 0, 2**62),
        "stop_reason": table.text("stop_reason"),
        "report": table.table("report", optional=True).raw(),
    }


def _take_message(record: Message, parts: _Parts) -> None:
    number = len(parts.ticks)
    if parts.header is None:
        raise DamageError("a tick before the header")
    if record.sequence != number:
        raise DamageError(f"tick {number} is missing")
    try:
        name = f"tick {number}"
        data = unseal(record.data, name) if parts.sealed else record.data
        tick = decode_tick(data, name)
        _check_sizes(tick, parts.header)
    except DataError as error:
        raise DamageError(str(error)) from error
    parts.ticks.append(tick)


def _check_sizes(tick: Tick, header: EpisodeHeader) -> None:
    joints, columns, actions = len(header.joints), len(header.columns), len(header.actions)
    sizes = {"q_rad": joints, "observation": columns, "innovation": joints}
    for name, size in (sizes | {"proposed": actions, "applied": actions}).items():
        if len(getattr(tick, name)) != size:
            raise DataError(f"{name}: expected {size} numbers in every tick")


def _check_end(parts: _Parts) -> None:
    if parts.header is None or not parts.ended:
        return
    if parts.footer is None:
        raise DamageError("no footer")
    if parts.footer["ticks"] != len(parts.ticks):
        raise DamageError(
            f"holds {len(parts.ticks)} ticks, its footer says {parts.footer['ticks']}"
        )


def _assemble(path: Path, header: EpisodeHeader, parts: _Parts, complete: bool) -> Episode:
    ticks, footer = parts.ticks, parts.footer or {}

    def stack(name: str, width: int) -> FloatArray:
        rows = [getattr(t, name) for t in ticks]
        return np.array(rows, dtype=np.float64).reshape(len(ticks), width)

    def column(name: str) -> FloatArray:
        return np.array([getattr(t, name) for t in ticks], dtype=np.float64)

    return Episode(
        path=path,
        metadata=header,
        index=np.array([t.index for t in ticks], dtype=np.int64),
        time_s=column("host_time_s"),
        device_time_s=column("device_time_s"),
        q_rad=stack("q_rad", len(header.joints)),
        observations=stack("observation", len(header.columns)),
        proposed=stack("proposed", len(header.actions)),
        actions=stack("applied", len(header.actions)),
        disagreement=column("disagreement"),
        innovation=stack("innovation", len(header.joints)),
        lateness_s=column("lateness_s"),
        plan_time_s=column("plan_time_s"),
        flags=np.array([t.flags for t in ticks], dtype=np.int64),
        complete=complete,
        stop_reason=footer.get("stop_reason"),
        report=footer.get("report", {}),
    )
