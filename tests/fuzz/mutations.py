"""Ways to break a file, drawn by a generator: what disks, cables and editors do to it."""

import re
from collections.abc import Callable

import numpy as np

Break = Callable[[bytes, np.random.Generator], bytes]

VALUES = [
    b"1180591620717411303424", b"-1180591620717411303424", b"1" + b"0" * 400, b"9" * 5000, b"-1",
    b"0", b"1e999", b"-1e999", b"1e300", b"1e-300", b"NaN", b"nan", b"inf", b"-Infinity", b"null",
    b"true", b"false", b'"text"', b'""', b"'x'", b"[]", b"{}", b"[1, 2]", b'{"a": 1}', b"[[1], 2]",
    b"[" * 100_000, b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000, b"0x" + b"f" * 9000, b"\xff\xfe",
    b"\x00", b"1_000", b"999999999", b"4294967296", b"-0.0", b"1979-05-27", b"",
]  # fmt: skip
"""What may stand where a value stood."""
VALUE = re.compile(
    rb'(?<=[:=\[,"\s])(?:-?\d[\d.eE+-]*|true|false|null|"[^"\n]*")(?=[\s,"\]}>/]|\Z)|(?<=").+?(?=")'
)
LINES = re.compile(rb"[^\n]*\n")


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bits."""
    broken = bytearray(data)
    for at in rng.integers(len(data), size=rng.integers(1, 9)):
        broken[at] ^= 1 << int(rng.integers(8))
    return bytes(broken)


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    """The beginning alone, down to nothing."""
    return data[: int(rng.integers(len(data)))]


def zero(data: bytes, rng: np.random.Generator) -> bytes:
    """A span of zeros, often to the end of a block."""
    begin = int(rng.integers(len(data)))
    if rng.random() < 0.5:
        return data[:begin] + bytes(4096 - begin % 4096)
    end = min(len(data), begin + int(rng.integers(1, 512)))
    return data[:begin] + bytes(end - begin) + data[end:]


def repeat(data: bytes, rng: np.random.Generator) -> bytes:
    """A span twice, or moved to another place."""
    begin, end, to = sorted(rng.integers(len(data), size=3).tolist())
    return data[:to] + data[begin:end] + data[to:]


def scramble(data: bytes, rng: np.random.Generator) -> bytes:
    """A span of other bytes."""
    begin = int(rng.integers(len(data)))
    size = int(rng.integers(1, 64))
    return data[:begin] + rng.bytes(size) + data[begin + size :]


def change_value(data: bytes, rng: np.random.Generator) -> bytes:
    """A number, word or text becomes one of another type or size."""
    found = list(VALUE.finditer(data))
    if not found:
        return scramble(data, rng)
    for at in sorted(rng.integers(len(found), size=rng.integers(1, 3)).tolist(), reverse=True):
        value = VALUES[int(rng.integers(len(VALUES)))]
        data = data[: found[at].start()] + value + data[found[at].end() :]
    return data


def change_lines(data: bytes, rng: np.random.Generator) -> bytes:
    """A line is lost, stands twice, or two change places."""
    lines = LINES.findall(data)
    if len(lines) < 3:
        return repeat(data, rng)
    a, b = rng.integers(len(lines), size=2).tolist()
    kind = int(rng.integers(3))
    if kind == 0:
        del lines[a]
    elif kind == 1:
        lines.insert(b, lines[a])
    else:
        lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


BINARY: tuple[Break, ...] = (flip_bits, truncate, zero, repeat, scramble)
TEXT: tuple[Break, ...] = (*BINARY, *[change_value] * 6, change_lines)


def broken(data: bytes, ways: tuple[Break, ...], seed: int) -> bytes:
    """Broken once; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return ways[int(rng.integers(len(ways)))](data, rng)
