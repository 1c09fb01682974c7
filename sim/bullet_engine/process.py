"""PyBullet worlds in a process of their own: the same calls, with their results fetched later."""

import contextlib
import multiprocessing
import os
import signal
import weakref
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import RobotMbrlError
from robot_mbrl.contract.main_guard import HOW_TO_GUARD, NO_MAIN_GUARD, start_guarded
from sim.bullet_engine.physics import BulletPhysics

PATIENCE_S = 1.0  # then it is killed: it holds nothing that would have to be saved


class BulletProcess:
    """A child that holds a BulletPhysics; `start` a call, then `finish` it.

    The child is spawned, not forked, so that it inherits no threads, locks or open ports. It ends
    when it is closed, when this object is collected, and when this process ends in whatever way.

    Args:
        spec: the robot.
        num_worlds: worlds in the child.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        process = context.Process(
            target=serve_worlds, args=(theirs, spec, num_worlds), daemon=True, name="bullet"
        )
        start_guarded(process)
        theirs.close()  # else its end would not be ours to see
        self._process = process
        self.close = weakref.finalize(self, _end, self._ours, process, os.getpid())

    def start(self, call: str, *arguments: Any) -> None:
        """Begin BulletPhysics.`call`(*arguments); raises RobotMbrlError if the child is gone."""
        try:
            self._ours.send((call, arguments))
        except OSError as error:
            raise self._gone() from error

    def finish(self) -> Any:
        """Wait for the result; raises what the call raised, RobotMbrlError if the child is gone."""
        try:
            result = self._ours.recv()
        except (EOFError, OSError) as error:
            raise self._gone() from error
        if isinstance(result, Exception):
            raise result
        return result

    def _gone(self) -> RobotMbrlError:
        self._process.join(PATIENCE_S)
        if self._process.exitcode == NO_MAIN_GUARD:
            return RobotMbrlError(f"a PyBullet process cannot start: {HOW_TO_GUARD}")
        return RobotMbrlError(
            f"a PyBullet process (pid {self._process.pid}) ended with exit code "
            f"{self._process.exitcode} while its worlds were needed; it may have run out of "
            "memory: use fewer worlds or processes"
        )


def serve_worlds(pipe: Connection, spec: RobotSpec, num_worlds: int) -> None:
    """Answer calls until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes
    # An exception is an answer as well, so the parent raises what was raised here.
    with contextlib.suppress(EOFError, OSError):
        try:
            physics = BulletPhysics(spec, num_worlds)
        except RobotMbrlError as error:
            pipe.recv()
            pipe.send(error)
            return
        while True:
            call, arguments = pipe.recv()
            try:
                result = getattr(physics, call)(*arguments)
            except Exception as error:
                result = error
            pipe.send(result)


def _end(pipe: Connection, process: BaseProcess, parent: int) -> None:
    if os.getpid() != parent:
        return  # a forked copy of the parent has no children to end
    pipe.close()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
