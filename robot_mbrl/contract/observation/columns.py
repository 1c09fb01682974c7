"""Columns of a table that lie along its last axis, or along the one before it.

Data sets and networks hold rows of columns, (..., B, O). Planners turn that around, (..., O, B): a
column is then contiguous, and taking or joining columns moves whole blocks of memory.
"""

from typing import Any


def columns(x: Any, start: int, stop: int, axis: int) -> Any:
    """Columns start to stop - 1 of x, an array or tensor; `axis` is -1 or -2."""
    return x[..., start:stop] if axis == -1 else x[..., start:stop, :]
