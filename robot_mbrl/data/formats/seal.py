"""Checksums inside the records of an episode, so that damage is found where it is.

MCAP has one checksum for all records of a file without chunks: it tells that a bit is wrong, not
which, and a cut file has none. A sealed record carries the CRC-32 of its own content.
"""

import json
import re
import zlib

from robot_mbrl.contract.errors import DataError

KEY = "crc32"
SEALED = re.compile(rb'(\{.+),"crc32":(\d{1,10})\}', re.DOTALL)


def seal(record: bytes) -> bytes:
    """A JSON object, not empty, with the checksum of its text as its last field."""
    body = record[:-1]
    return b'%s,"crc32":%d}' % (body, zlib.crc32(body))


def unseal(record: bytes, source: str) -> bytes:
    """What `seal` was given; raises DataError where the record is not as it was written."""
    found = SEALED.fullmatch(record)
    if found is None or zlib.crc32(found[1]) != int(found[2]):
        raise DataError(f"{source}: its checksum does not fit; the file is damaged here")
    return found[1] + b"}"


def seal_strings(strings: dict[str, str]) -> dict[str, str]:
    """MCAP metadata with the checksum of its content under `KEY`."""
    return strings | {KEY: str(_checksum(strings))}


def check_strings(strings: dict[str, str], source: str) -> None:
    """Raise DataError where sealed metadata is not as it was written."""
    rest = {name: value for name, value in strings.items() if name != KEY}
    if strings.get(KEY) != str(_checksum(rest)):
        raise DataError(f"{source}: its checksum does not fit; the file is damaged here")


def _checksum(strings: dict[str, str]) -> int:
    return zlib.crc32(json.dumps(strings, sort_keys=True).encode())
