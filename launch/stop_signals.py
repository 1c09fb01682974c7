"""Signals that ask a program to stop, and a terminal that is gone."""

import contextlib
import os
import signal
import stat
from collections.abc import Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C: ends a verb as that does, with an exit code of its own.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def stop_signals() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM, and SIGHUP unless it is ignored, as `nohup` wants it."""
    asked = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        asked.append(hang_up)
    return tuple(asked)


def interrupt(number: int) -> KeyboardInterrupt:
    """What a signal raises in a program that is not about to stop by itself."""
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Within, a signal that asks to stop raises in the main thread: see `interrupt`."""

    def handle(number: int, frame: FrameType | None) -> None:
        leave_dead_terminal()
        raise interrupt(number)

    asked = [number for number in stop_signals() if number is not signal.SIGINT]
    before = {number: signal.signal(number, handle) for number in asked}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_dead_terminal() -> None:
    """Write to nowhere instead of to a terminal that has hung up, where each line would fail."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            device = stat.S_ISCHR(os.fstat(descriptor).st_mode)
            if device and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
