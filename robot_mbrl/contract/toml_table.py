"""Reading a TOML table strictly: each wrong, missing or unknown key is named with what is
allowed."""

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robot_mbrl.contract.errors import SpecError


def read_toml(path: Path) -> "TomlTable":
    """Parse `path`; raises SpecError naming the file and, for syntax errors, the line."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpecError(f"{path}: no such file") from error
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not valid TOML: {error}") from error
    return TomlTable(data, source=str(path))


class TomlTable:
    """One TOML table that remembers where it stands and which keys were asked for."""

    def __init__(self, data: Mapping[str, Any], source: str, path: str = "") -> None:
        self._data = data
        self._asked: set[str] = set()
        self.source = source
        self.path = path

    def fail(self, key: str, expected: str) -> SpecError:
        """Return the error for `key`: its full name, what it holds, what was expected."""
        name = f"{self.path}.{key}" if self.path else key
        got = f"got {self._data[key]!r}" if key in self._data else "the key is missing"
        return SpecError(f"{self.source}: {name}: expected {expected}; {got}")

    def _get(self, key: str, default: Any, expected: str) -> Any:
        self._asked.add(key)
        if key in self._data:
            return self._data[key]
        if default is None:
            raise self.fail(key, expected)
        return default

    def keys(self) -> list[str]:
        """Keys present in the file."""
        return list(self._data)

    def has(self, key: str) -> bool:
        """Whether the key is present."""
        return key in self._data

    def is_table(self, key: str) -> bool:
        """Whether the key is present and holds a table."""
        return isinstance(self._data.get(key), dict)

    def is_list(self, key: str) -> bool:
        """Whether the key is present and holds a list."""
        return isinstance(self._data.get(key), list)

    def number(
        self, key: str, low: float, high: float, unit: str = "", default: float | None = None
    ) -> float:
        """A finite number within [low, high]."""
        expected = f"a number from {low:g} to {high:g} {unit}".rstrip()
        value = self._get(key, default, expected)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.fail(key, expected)
        if not math.isfinite(value) or not low <= value <= high:
            raise self.fail(key, expected)
        return float(value)

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """An integer within [low, high]."""
        expected = f"an integer from {low} to {high}"
        value = self._get(key, default, expected)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fail(key, expected)
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """A list of different non-empty strings; () where it is absent."""
        value, expected = self._get(key, (), "a list of different names"), "a list of names"
        if not isinstance(value, (list, tuple)) or len(set(map(str, value))) != len(value):
            raise self.fail(key, expected)
        if not all(isinstance(v, str) and v for v in value):
            raise self.fail(key, expected)
        return tuple(value)

    def text(self, key: str, choices: Sequence[str] = (), default: str | None = None) -> str:
        """A non-empty string, one of `choices` if given."""
        expected = "one of " + ", ".join(map(repr, choices)) if choices else "a non-empty string"
        value = self._get(key, default, expected)
        if not isinstance(value, str) or not value or (choices and value not in choices):
            raise self.fail(key, expected)
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """true or false."""
        value = self._get(key, default, "true or false")
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def interval(
        self,
        key: str,
        low: float,
        high: float,
        unit: str = "",
        default: tuple[float, float] | None = None,
    ) -> tuple[float, float]:
        """A pair [a, b] with low <= a <= b <= high."""
        expected = f"[a, b] with {low:g} <= a <= b <= {high:g} {unit}".rstrip()
        value = self._get(key, default, expected)
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise self.fail(key, expected)
        if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in value):
            raise self.fail(key, expected)
        a, b = float(value[0]), float(value[1])
        if not (low <= a <= b <= high):
            raise self.fail(key, expected)
        return a, b

    def table(self, key: str, *, optional: bool = False) -> "TomlTable":
        """A sub-table; an absent optional one reads as empty."""
        value = self._get(key, {} if optional else None, "a table")
        if not isinstance(value, dict):
            raise self.fail(key, "a table")
        return TomlTable(value, self.source, f"{self.path}.{key}" if self.path else key)

    def tables(self, key: str) -> list["TomlTable"]:
        """A non-empty array of tables, [[key]]."""
        value = self._get(key, None, f"at least one [[{key}]] table")
        if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
            raise self.fail(key, f"at least one [[{key}]] table")
        base = f"{self.path}.{key}" if self.path else key
        return [TomlTable(v, self.source, f"{base}[{i}]") for i, v in enumerate(value)]

    def raw(self) -> dict[str, Any]:
        """The whole table as plain values; marks every key as read."""
        self._asked.update(self._data)
        return dict(self._data)

    def finish(self) -> None:
        """Raise SpecError for a key that nobody asked for, with the nearest known one."""
        for key in self._data:
            if key not in self._asked:
                near = difflib.get_close_matches(key, sorted(self._asked), n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                known = ", ".join(sorted(self._asked))
                name = f"{self.path}.{key}" if self.path else key
                raise SpecError(f"{self.source}: {name}: unknown key{hint} Known here: {known}")
