"""Frozen settings to plain values and back.

Where a setting may be one of several dataclasses, its keys say which.
"""

import dataclasses
import typing
from typing import Any, TypeVar

from robot_mbrl.contract.errors import DataError

T = TypeVar("T")


def from_dict(kind: type[T], values: dict[str, Any]) -> T:
    """Rebuild a (nested) settings dataclass from `dataclasses.asdict`.

    A class may name settings of older files in `RENAMED`, old name -> new one.
    Raises DataError for a setting that this version does not know.
    """
    hints, renamed = typing.get_type_hints(kind), getattr(kind, "RENAMED", {})
    values = {renamed.get(name, name): value for name, value in values.items()}
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise DataError(
            f"{kind.__name__}: unknown settings {unknown}; the file was written by another version"
        )
    filled = {name: _convert(hints[name], value) for name, value in values.items()}
    return kind(**filled)


def _convert(hint: Any, value: Any) -> Any:
    if isinstance(value, dict):
        kinds = [k for k in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(k)]
        kind = next((k for k in kinds if set(value) == _names(k)), kinds[0] if kinds else None)
        return from_dict(typing.cast(type, kind), value) if kind else value
    return tuple(value) if isinstance(value, list) else value


def _names(kind: Any) -> set[str]:
    return {f.name for f in dataclasses.fields(kind)}
