"""A run is continued with the settings it began with, or not at all."""

import json
from pathlib import Path
from typing import Any

from robot_mbrl.contract.errors import DataError


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Every setting in which `wanted` differs from what a run has, in words."""
    old, new = as_read(found), as_read(wanted)
    return [
        f"{key}: the run has {old.get(key)!r}, asked for {new.get(key)!r}"
        for key in sorted(set(new) | set(old))
        if new.get(key) != old.get(key)
    ]


def check_unchanged(path: Path, changed: list[str]) -> None:
    """Raise DataError that names what `differences` found for the run in `path`."""
    if changed:
        raise DataError(
            f"{path}: holds an unfinished run with other settings ({'; '.join(changed)}); "
            "repeat its settings to continue it, or choose another folder"
        )


def as_read(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as they read back from JSON, one level."""
    return flatten_keys(json.loads(json.dumps(values)))


def flatten_keys(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= (
            flatten_keys(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {prefix + key: value}
        )
    return flat
