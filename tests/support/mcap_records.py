"""The records of an MCAP file, read and made by the format's own rule."""

import struct
import zlib

import lz4.frame
import zstandard
from mcap.writer import CompressionType

MAGIC = b"\x89MCAP0\r\n"
MESSAGE = 5


def record_ends(data: bytes) -> list[int]:
    """Offsets at which records end."""
    ends, at = [], 8
    while at < len(data) - 8:
        at += 9 + struct.unpack_from("<Q", data, at + 1)[0]
        ends.append(at)
    return ends


def opcodes(data: bytes) -> list[int]:
    """What kinds of records there are, in their order."""
    return [data[begin] for begin in [8, *record_ends(data)[:-1]]]


def chunk_record(packed: bytes, compression: str, size: int, checksum: int = 0) -> bytes:
    """A chunk that claims to unpack to `size` bytes."""
    name = compression.encode()
    content = struct.pack("<QQQII", 0, 0, size, checksum, len(name)) + name
    content += struct.pack("<Q", len(packed)) + packed
    return struct.pack("<BQ", 6, len(content)) + content


def chunked(data: bytes, kind: CompressionType) -> bytes:
    """A file with each of its messages in a chunk of its own, as other programs rewrite it."""
    pack = {CompressionType.ZSTD: zstandard.compress, CompressionType.LZ4: lz4.frame.compress}
    name = {CompressionType.ZSTD: "zstd", CompressionType.LZ4: "lz4"}.get(kind, "")
    made, begin = MAGIC, len(MAGIC)
    for end, opcode in zip(record_ends(data), opcodes(data), strict=True):
        record, begin = data[begin:end], end
        if opcode == MESSAGE:
            packed = pack.get(kind, bytes)(record)
            record = chunk_record(packed, name, len(record), zlib.crc32(record))
        elif opcode == 15:  # the end of the data, with a checksum of all before
            record = struct.pack("<BQI", 15, 4, 0)
        made += record
    return made + MAGIC
