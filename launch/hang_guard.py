"""The second Ctrl-C when the program does not come back: a controller may hang in compiled code,
where Python's own signal handlers never run."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

from launch.stop_signals import stop_signals
from launch.verb import ERROR

PATIENCE_S = 1.0


class HangGuard:
    """Within the context, a second signal that nobody handles within `PATIENCE_S` ends the process.

    Attributes:
        handled: how many signals the main thread has handled; whoever handles them counts them.
        last_words: called before that end, from another thread, e.g. to stop the robot.
    """

    def __init__(self) -> None:
        self.handled = 0
        self.last_words: Callable[[], None] = lambda: None

    def __enter__(self) -> "HangGuard":
        self._stopping = stop_signals()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        # the signal's number is written by the C handler, whatever the main thread does
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="hang guard", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._before)
        os.close(self._write)  # ends the thread

    def _watch(self) -> None:
        seen = 0
        while numbers := os.read(self._read, 16):
            seen += sum(number in self._stopping for number in numbers)
            if seen >= 2 and self._hangs(seen):
                self._leave()
        os.close(self._read)

    def _hangs(self, seen: int) -> bool:
        threading.Event().wait(PATIENCE_S)
        return self.handled < seen

    def _leave(self) -> None:
        print(
            "the controller does not come back: the robot is told to stop, and this program ends. "
            "The episode so far can be read with --recover",
            file=sys.stderr,
            flush=True,
        )
        with contextlib.suppress(BaseException):  # the end comes in any case
            self.last_words()
        os._exit(ERROR)
