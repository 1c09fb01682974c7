"""What makes a loop punctual: real-time scheduling where it is allowed, no garbage collection."""

import contextlib
import gc
import os
from collections.abc import Iterator


@contextlib.contextmanager
def realtime_priority(priority: int = 50) -> Iterator[bool]:
    """Run this thread ahead of all ordinary ones (Linux SCHED_FIFO); yields whether it was granted.

    Without the right (root, or an rtprio limit in /etc/security/limits.conf) nothing changes: the
    loop still works, but a busy machine makes it late. `priority` is 1 to 99; 50 is what interrupt
    handlers of a PREEMPT_RT kernel use.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield False
        return
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, before, parameters)


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """A collection may take longer than a tick: collect before, not within."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
