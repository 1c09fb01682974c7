"""Numbers that no option takes, refused in one place before a command begins."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from robot_mbrl.contract.errors import SettingsError

LARGEST = 2**53
"""Beyond it a float does not hold every integer; nothing here counts so far."""


def check_settings(settings: Any) -> None:
    """Raise SettingsError for NaN, infinity, negative counts and numbers beyond 2**53.

    What each option takes beyond that its own code says. Values that are defaults pass.
    """
    for name, value, default in _numbers(settings, ""):
        if value == default:
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"--{name}: expected a finite number, got {value}")
        if not -LARGEST <= value <= LARGEST:
            raise SettingsError(f"--{name}: expected a number up to 2**53, got {value:.3g}")
        if isinstance(value, int) and value < 0:
            raise SettingsError(f"--{name}: expected 0 or more, got {value}")


def _numbers(settings: Any, prefix: str) -> Iterator[tuple[str, int | float, Any]]:
    """(option, value, default) of every number, also in the settings within settings."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        name = prefix if field.name == "config" else prefix + field.name.replace("_", "-") + "."
        if dataclasses.is_dataclass(value):
            yield from _numbers(value, name)
        else:
            values = value if isinstance(value, tuple) else (value,)
            for one in values:
                if isinstance(one, (int, float)) and not isinstance(one, bool):
                    yield name.rstrip("."), one, field.default
