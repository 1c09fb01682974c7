"""One line on the terminal that tells what a running robot does."""

import sys
import threading
from typing import Protocol

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.onboard import ControllerOutput, SafeRobot

EVERY_S = 0.25


class Acts(Protocol):
    """A controller, as the loop sees it."""

    def reset(self) -> None:
        """Start an episode."""

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Decide from observation (O,)."""


class WatchedController:
    """Keeps what another controller last saw and decided; costs two assignments a tick."""

    def __init__(self, controller: Acts) -> None:
        self._controller = controller
        self.ticks = 0
        self.seen: tuple[FloatArray, ControllerOutput] | None = None

    def reset(self) -> None:
        """Start an episode."""
        self.ticks, self.seen = 0, None
        self._controller.reset()

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Decide from observation (O,)."""
        output = self._controller.act(observation)
        self.seen = (observation, output)
        self.ticks += 1
        return output


class LiveLine:
    """Redraws the line four times a second from a thread of its own; nothing without a terminal.

    The loop's thread never prints: a terminal that blocks must not make a tick late.
    """

    def __init__(self, title: str, watched: WatchedController, safe: SafeRobot, ticks: int) -> None:
        self._title, self._watched, self._safe, self._ticks = title, watched, safe, ticks
        self._layout = ObservationLayout.from_spec(safe.spec)
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "LiveLine":
        if sys.stderr.isatty():
            self._thread = threading.Thread(target=self._draw_until_end, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw_until_end(self) -> None:
        while not self._end.wait(EVERY_S):
            sys.stderr.write("\r\x1b[K" + self.text())
            sys.stderr.flush()

    def text(self) -> str:
        """The line: time, state of the supervisor, measurements, action."""
        dt = self._layout.dt
        time = f"{self._watched.ticks * dt:5.1f} of {self._ticks * dt:.1f} s"
        parts = [self._title, time, self._safe.state.value]
        if self._watched.seen is not None:
            observation, output = self._watched.seen
            names = self._layout.block
            values = zip(names, observation[: len(names)], strict=True)
            parts += [f"{name} {value:+.2f}" for name, value in values]
            parts.append("action " + " ".join(f"{a:+.2f}" for a in output.action))
        return " | ".join(parts)
