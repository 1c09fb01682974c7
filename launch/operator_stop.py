"""Ctrl-C, SIGTERM and SIGHUP while a robot moves: a request the loop obeys between two ticks."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import numpy as np

from hardware import open_connection
from launch.hang_guard import HangGuard
from launch.stop_signals import interrupt, leave_dead_terminal, stop_signals
from launch.terminal import LiveLine
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.onboard import Session
from robot_mbrl.onboard.session import EpisodeView


class OperatorStop:
    """Within the context, SIGINT, SIGTERM and SIGHUP (unless ignored) end an episode cleanly.

    While `during_episode`, the first signal only sets `requested`, so that the tick in progress is
    finished and recorded; a second one, or one outside an episode, raises KeyboardInterrupt, which
    stops the robot on its way out; see HangGuard for a tick that never ends.
    """

    def __init__(self) -> None:
        self.requested = False
        self.hang_guard = HangGuard()
        self._in_episode = False
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> "OperatorStop":
        self.hang_guard.__enter__()
        for number in stop_signals():
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.hang_guard.__exit__()

    @contextlib.contextmanager
    def during_episode(self) -> Iterator[None]:
        """Signals become requests."""
        self._in_episode = True
        try:
            yield
        finally:
            self._in_episode = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.hang_guard.handled += 1
        leave_dead_terminal()
        again = self.requested
        self.requested = True
        if again or not self._in_episode:
            raise interrupt(number)


def open_session(
    spec: RobotSpec, port: str, stop: OperatorStop, seed: int | None = None
) -> Session:
    """A session that `stop` ends between two ticks, with a live line on a terminal.

    port: as in `hardware.open_connection`. seed: of an in-process mock, its reality's own by
    default; and of the goals that the task draws, 0 by default.
    """
    rng = None if seed is None else np.random.default_rng(seed)

    @contextlib.contextmanager
    def watch(episode: EpisodeView) -> Iterator[None]:
        with stop.during_episode(), LiveLine(episode):
            yield

    session = Session(
        spec,
        lambda: open_connection(spec, port, rng=rng),
        stop_requested=lambda: stop.requested,
        watch=watch,
        goals=np.random.default_rng(seed or 0),
    )
    stop.hang_guard.last_words = lambda: session.safe.stop(StopReason.OPERATOR, "left hanging")
    return session
