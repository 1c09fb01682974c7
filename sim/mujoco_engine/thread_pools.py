"""MuJoCo's thread pools in a process that was forked: their threads stayed with the parent.

A child that uses such a pool, or ends it, waits for ever for threads that it does not have. Python
ends what is left when a process ends, so it is enough that somebody else forks.
"""

import ctypes
import os
import weakref
from typing import Protocol

from mujoco.batch import Batch


class Closable(Protocol):
    """Somebody who steps worlds on a thread pool."""

    def close(self) -> None:
        """Let go of the pool."""


_owners: "weakref.WeakKeyDictionary[Closable, weakref.ref[Batch]]" = weakref.WeakKeyDictionary()


def leave_to_parent(owner: Closable, batch: Batch) -> None:
    """Close the owner of a batch in every child that is forked while it is open, without touching
    its pool."""
    _owners[owner] = weakref.ref(batch)


def _close_in_child() -> None:
    for owner, reference in list(_owners.items()):
        if (batch := reference()) is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(batch))  # never to be freed here
            owner.close()


os.register_at_fork(after_in_child=_close_in_child)
