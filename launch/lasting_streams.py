"""Printing where nobody reads any more, as after `| head -1`, ends no command.

A robot that runs, a training, a mock that serves: each goes on to its own end and exit code.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

READER_GONE = (errno.EPIPE, errno.EIO)
"""A pipe that was closed, a terminal that hung up."""


class LastingStream:
    """A text stream that swallows what is printed once its reader has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop it."""
        with self._until_reader_goes():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what waits."""
        with self._until_reader_goes():
            self._stream.flush()

    @contextlib.contextmanager
    def _until_reader_goes(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in READER_GONE:
                raise
            # what waits in the buffer goes there as well, also at the end of the process
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def lasting_streams() -> Iterator[None]:
    """Within, stdout and stderr are such streams; also where the caller closed them."""
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        out, err = (LastingStream(stream or nowhere) for stream in before)
        sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
        try:
            yield
        finally:
            out.flush()
            err.flush()
            sys.stdout, sys.stderr = before
