"""Where the records of an MCAP file end."""

import struct


def record_ends(data: bytes) -> list[int]:
    """Offsets at which records end, read from the bytes by the format's own rule."""
    ends, at = [], 8
    while at < len(data) - 8:
        at += 9 + struct.unpack_from("<Q", data, at + 1)[0]
        ends.append(at)
    return ends
