"""The records of an MCAP file one by one, never trusting a length; contents stay bytes."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Chunk, DataEnd

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import open_regular

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")
MOST_BYTES = 64 * 2**20
"""Of one record, packed or unpacked; a tick has some hundred."""
FREE_BYTES, MOST_RATIO = 2**20, 100
"""A file may unpack to so much, and beyond it to so many times its own size."""

Record = tuple[int, bytes]
"""Opcode and content."""


class DamageError(Exception):
    """From here on the file is not what was written; what came before is."""


class CutError(DamageError):
    """The file ends within a record, or a damaged length says so."""


class UnlocatedDamageError(DamageError):
    """The checksum of all the data does not fit: where is not known."""


def records(path: Path) -> Iterator[Record]:
    """Every record of a file up to its closing magic, chunks taken apart.

    Raises:
        DataError: no such file, or no MCAP file.
        DamageError: cut, zeros instead of records, lengths beyond the end, a checksum that does
            not fit.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DataError(f"{path}: not an MCAP file, expected a recorded episode (.mcap)")
        size = os.fstat(file.fileno()).st_size
        unpacked, checksum = 0, zlib.crc32(MAGIC)
        for opcode, content in _records_of(file, size):
            if opcode == Opcode.CHUNK:
                inner = _unpack(content)
                unpacked += len(inner)
                if unpacked > FREE_BYTES + MOST_RATIO * size:
                    raise DamageError(
                        f"{size} bytes unpack to more than {MOST_RATIO} times as much"
                    )
                yield from _records_of(io.BytesIO(inner), len(inner))
            else:
                yield opcode, content
            if opcode == Opcode.DATA_END:
                _check(content, checksum)
            checksum = zlib.crc32(content, zlib.crc32(HEAD.pack(opcode, len(content)), checksum))
            if opcode == Opcode.FOOTER:
                _check_closing(file.read())
                return


def _records_of(file: BinaryIO, size: int) -> Iterator[Record]:
    while file.tell() < size:
        at = file.tell()
        head = file.read(HEAD.size)
        if len(head) < HEAD.size:
            raise CutError(f"cut in the record at byte {at}")
        opcode, length = HEAD.unpack(head)
        if opcode == 0:
            raise DamageError(f"zeros at byte {at}")
        if length > min(MOST_BYTES, size - file.tell()):
            raise CutError(f"cut in the record at byte {at}")
        yield opcode, file.read(length)


def _unpack(content: bytes) -> bytes:
    """The records of a chunk, as bytes."""
    try:
        chunk = Chunk.read(ReadDataStream(io.BytesIO(content)))
    except (McapError, struct.error, ValueError) as error:
        raise DamageError(f"a broken chunk ({error})") from error
    size = chunk.uncompressed_size
    if size > MOST_BYTES:
        raise DamageError(f"a chunk of {size} bytes, expected at most {MOST_BYTES}")
    try:
        data = _decompress(chunk, size)
    except (RuntimeError, ValueError, zstandard.ZstdError) as error:
        raise DamageError(f"a chunk that cannot be unpacked ({error})") from error
    if len(data) != size or chunk.uncompressed_crc not in (0, zlib.crc32(data)):
        raise DamageError("the checksum of a chunk does not fit")
    return data


def _decompress(chunk: Chunk, size: int) -> bytes:
    """At most one byte more than `size`, whatever the compressed data say of themselves."""
    if chunk.compression == "zstd":
        reader = zstandard.ZstdDecompressor(max_window_size=MOST_BYTES).stream_reader(chunk.data)
        return bytes(reader.read(size + 1))
    if chunk.compression == "lz4":
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, size + 1))
    if chunk.compression:
        raise ValueError(f"unknown compression {chunk.compression!r}")
    return bytes(chunk.data)


def _check(content: bytes, checksum: int) -> None:
    """The end of the data carries the checksum of all of them; 0 where none was made."""
    if len(content) != 4:
        raise DamageError("a broken end of the data")
    expected = DataEnd.read(ReadDataStream(io.BytesIO(content))).data_section_crc
    if expected not in (0, checksum):
        raise UnlocatedDamageError("the checksum of the whole file does not fit")


def _check_closing(rest: bytes) -> None:
    if rest != MAGIC:
        raise (
            CutError("cut at its end")
            if MAGIC.startswith(rest)
            else DamageError("bytes after its end")
        )
