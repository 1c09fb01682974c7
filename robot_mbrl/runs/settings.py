"""Frozen settings to plain values and back.

Where a setting may be one of several dataclasses, its keys say which.
"""

import dataclasses
import types
import typing
from typing import Any, TypeVar

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import shown

LARGEST = 2**53
T = TypeVar("T")


def from_dict(kind: type[T], values: dict[str, Any]) -> T:
    """Rebuild a (nested) settings dataclass from `dataclasses.asdict`.

    A class may name settings of older files in `RENAMED`, old name -> new one.
    Raises DataError for a setting that this version does not know, or a value of another type.
    """
    if not isinstance(values, dict):
        raise DataError(f"{kind.__name__}: expected settings by name, got {shown(values)}")
    hints, renamed = typing.get_type_hints(kind), getattr(kind, "RENAMED", {})
    values = {renamed.get(name, name): value for name, value in values.items()}
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise DataError(
            f"{kind.__name__}: unknown settings {unknown}; the file was written by another version"
        )
    filled = {
        name: _convert(f"{kind.__name__}.{name}", hints[name], value)
        for name, value in values.items()
    }
    try:
        return kind(**filled)
    except TypeError as error:  # settings without a default
        raise DataError(f"{kind.__name__}: {error}; the file is damaged") from error


def _convert(name: str, hint: Any, value: Any) -> Any:
    if isinstance(value, dict):
        kinds = [k for k in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(k)]
        kind = next((k for k in kinds if set(value) == _names(k)), kinds[0] if kinds else None)
        if kind is not None:
            return from_dict(typing.cast(type, kind), value)
    value = tuple(value) if isinstance(value, list) else value
    if not _is_of(hint, value):
        expected = getattr(hint, "__name__", str(hint))
        raise DataError(f"{name}: expected {expected}, got {shown(value)}; the file is damaged")
    return value


def _is_of(hint: Any, value: Any) -> bool:
    """Whether a JSON value is one that a setting of this type can have."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return value in inner
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_is_of(kind, value) for kind in inner)
    if typing.get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(any(_is_of(k, v) for k in inner) for v in value)
    if hint is float:
        return type(value) in (int, float) and value >= -LARGEST  # NaN is not; infinity may be
    if hint is int:
        return type(value) is int and -LARGEST <= value <= LARGEST
    if hint is Any or hint is Ellipsis:
        return hint is Any
    return isinstance(value, typing.get_origin(hint) or hint)


def _names(kind: Any) -> set[str]:
    return {f.name for f in dataclasses.fields(kind)}
