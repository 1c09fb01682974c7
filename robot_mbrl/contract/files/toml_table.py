"""Reading a TOML table strictly: each wrong, missing or unknown key is named with what is
allowed."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robot_mbrl.contract.errors import RobotMbrlError, SpecError
from robot_mbrl.contract.files.read_file import read_text, shown


def read_toml(path: Path) -> "TomlTable":
    """Parse `path`; raises SpecError naming the file and, for syntax errors, the line."""
    text = read_text(path, SpecError)
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise SpecError(f"{path}: not valid TOML: nested too deeply") from error
    except ValueError as error:  # also numbers of thousands of digits
        raise SpecError(f"{path}: not valid TOML: {error}") from error
    return TomlTable(data, source=str(path))


class TomlTable:
    """One table, of TOML or JSON, that remembers where it stands and which keys were asked for.

    Args:
        data: its values.
        source: the file, as messages name it.
        path: where in the file the table stands; empty for the whole of it.
        error: what a wrong value raises.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        source: str,
        path: str = "",
        error: type[RobotMbrlError] = SpecError,
    ) -> None:
        self._data = data
        self._asked: set[str] = set()
        self._error = error
        self.source = source
        self.path = path

    def fail(self, key: str, expected: str) -> RobotMbrlError:
        """Return the error for `key`: its full name, what it holds, what was expected."""
        name = f"{self.path}.{key}" if self.path else key
        got = f"got {shown(self._data[key])}" if key in self._data else "the key is missing"
        return self._error(f"{self.source}: {name}: expected {expected}; {got}")

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
        if not low <= value <= high:  # NaN is not, and an integer may be too large for a float
            raise self.fail(key, expected)
        return float(value)

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """An integer within [low, high]."""
        expected = f"an integer from {low} to {high}"
        value = self._get(key, default, expected)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fail(key, expected)
        return value

    def numbers(self, key: str, low: float, high: float) -> tuple[float, ...]:
        """A list of finite numbers within [low, high]."""
        expected = f"a list of numbers from {low:g} to {high:g}"
        value = self._get(key, None, expected)
        if not isinstance(value, (list, tuple)):
            raise self.fail(key, expected)
        for one in value:
            if isinstance(one, bool) or not isinstance(one, (int, float)) or not low <= one <= high:
                raise self.fail(key, expected)
        return tuple(float(one) for one in value)

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
        a, b = value
        if not (low <= a <= b <= high):
            raise self.fail(key, expected)
        return float(a), float(b)

    def table(self, key: str, *, optional: bool = False) -> "TomlTable":
        """A sub-table; an absent optional one reads as empty."""
        value = self._get(key, {} if optional else None, "a table")
        if not isinstance(value, dict):
            raise self.fail(key, "a table")
        return self._inner(value, f"{self.path}.{key}" if self.path else key)

    def tables(self, key: str) -> list["TomlTable"]:
        """A non-empty array of tables, [[key]]."""
        value = self._get(key, None, f"at least one [[{key}]] table")
        if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
            raise self.fail(key, f"at least one [[{key}]] table")
        base = f"{self.path}.{key}" if self.path else key
        return [self._inner(v, f"{base}[{i}]") for i, v in enumerate(value)]

    def _inner(self, data: Mapping[str, Any], path: str) -> "TomlTable":
        return TomlTable(data, self.source, path, self._error)

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
                raise self._error(f"{self.source}: {name}: unknown key{hint} Known here: {known}")
