"""Reading a file that may be anything: a folder, a pipe, huge, not text, not the JSON it should be.

Each kind of file has one reader above this, which checks what it got once; nothing behind it asks
again.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from robot_mbrl.contract.errors import DataError, RobotMbrlError

Kind = type[RobotMbrlError]
MOST_TEXT_BYTES = 64 * 2**20
MOST_SHOWN = 200


def open_regular(path: Path, error: Kind = DataError) -> int:
    """A descriptor of an ordinary file, for reading; never waits, as opening a pipe would.

    Raises `error` for what is missing, may not be read, or is no ordinary file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as reason:
        raise error(f"{path}: cannot be read (no such file)") from reason
    except (OSError, ValueError) as reason:  # ValueError: a name with a zero byte
        text = getattr(reason, "strerror", None) or reason
        raise error(f"{path}: cannot be read ({text})") from reason
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
        raise error(f"{path}: cannot be read (it is {kind}, expected a file)")
    return handle


def read_bytes(path: Path, error: Kind = DataError, most: int = MOST_TEXT_BYTES) -> bytes:
    """The content of an ordinary file of at most `most` bytes; raises `error`."""
    with os.fdopen(open_regular(path, error), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise error(f"{path}: {size} bytes, expected at most {most}; not a file of this kind")
        try:
            return file.read()
        except OSError as reason:
            raise error(f"{path}: cannot be read ({reason.strerror})") from reason


def read_text(path: Path, error: Kind = DataError, most: int = MOST_TEXT_BYTES) -> str:
    """The text of a UTF-8 file, with or without a byte order mark; raises `error`."""
    try:
        return read_bytes(path, error, most).decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise error(f"{path}: cannot be read as UTF-8 text ({reason})") from reason


def parse_json(text: str | bytes, source: str, error: Kind = DataError) -> Any:
    """JSON as Python values; raises `error` that begins with `source`.

    NaN and infinity pass, as Python writes them: who needs a finite number asks for one.
    """
    try:
        return json.loads(text)
    except RecursionError as reason:
        raise error(f"{source}: broken JSON: nested too deeply") from reason
    except ValueError as reason:  # also bytes that are no text, and numbers of thousands of digits
        raise error(f"{source}: broken JSON: {reason}") from reason


def parse_json_object(text: str | bytes, source: str, error: Kind = DataError) -> dict[str, Any]:
    """A JSON object as a dictionary; raises `error` as `parse_json`, and for anything else."""
    found = parse_json(text, source, error)
    if not isinstance(found, dict):
        raise error(f"{source}: expected a JSON object, got {shown(found)}")
    return found


def shown(value: Any) -> str:
    """What a message shows of a value out of a file: never long, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; deep nesting
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."
