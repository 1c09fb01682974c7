"""Types of arrays, and checks of their shape and finiteness that say what was expected."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract.errors import NotFiniteError, ShapeError

FloatArray = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Parameters = dict[str, FloatArray]
"""Sampled parameters: path, such as `links.arm.mass` -> values, shape (B,) over worlds."""


def check_shape(name: str, array: Any, expected: Sequence[int | None]) -> None:
    """Raise ShapeError unless `array.shape` equals `expected` (None matches any size)."""
    shape = tuple(array.shape)
    if shape == tuple(expected):
        return
    fits = len(shape) == len(expected) and all(
        want is None or want == got for want, got in zip(expected, shape, strict=True)
    )
    if not fits:
        want_text = "(" + ", ".join("any" if n is None else str(n) for n in expected) + ")"
        raise ShapeError(f"{name}: expected shape {want_text}, got {shape}")


def check_finite(name: str, values: npt.ArrayLike, columns: Sequence[str] | None = None) -> None:
    """Raise NotFiniteError when any entry is NaN or infinite; `columns` names the last axis."""
    array = np.asarray(values, dtype=np.float64)
    if np.isfinite(array).all():
        return
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    label = columns[where[-1]] if columns is not None and where else f"index {where}"
    raise NotFiniteError(f"{name}: {label} is {array[where]}; expected a finite number")
