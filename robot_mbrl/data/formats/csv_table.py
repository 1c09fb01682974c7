"""A measured log as arrays: one CSV with named columns, checked row by row."""

import csv
import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError


@dataclass(frozen=True)
class LogColumns:
    """Names of the columns in the CSV's first line."""

    time: str = "time"
    """Seconds, strictly rising."""
    position: str = "position"
    """rad, not wrapped, zero and sign as in the URDF."""
    velocity: str = "velocity"
    """rad/s; checked but not used: the observation derives its own from positions."""
    torque: str = "torque"
    """Command of the actuator in its physical unit."""


@dataclass(frozen=True)
class LogTable:
    """One CSV, columns of length N; units as in `LogColumns`."""

    path: Path
    time: FloatArray
    position: FloatArray
    velocity: FloatArray
    torque: FloatArray


def read_log(path: Path, columns: LogColumns) -> LogTable:
    """Read a CSV; raises DataError naming file, row (as an editor counts lines) and column."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error})") from error
    names = [name.strip() for name in rows[0]] if rows else []
    values: dict[str, FloatArray] = {}
    for entry in fields(LogColumns):
        name = getattr(columns, entry.name)
        if name not in names:
            raise DataError(
                f"{path}: no column {name!r} for {entry.name}; the file has: {', '.join(names)}"
            )
        at = names.index(name)
        values[entry.name] = np.array(
            [_number(path, line, name, row, at) for line, row in enumerate(rows[1:], start=2)]
        )
    table = LogTable(path, **values)
    _check_time(table, columns)
    return table


def _number(path: Path, line: int, name: str, row: list[str], at: int) -> float:
    text = row[at] if at < len(row) else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}: line {line}, column {name!r}: {text!r} is no finite number")
    return value


def _check_time(table: LogTable, columns: LogColumns) -> None:
    if len(table.time) < 2:
        raise DataError(f"{table.path}: {len(table.time)} rows of data, expected at least 2")
    back = np.flatnonzero(np.diff(table.time) <= 0)
    if len(back):
        line = int(back[0]) + 3
        raise DataError(
            f"{table.path}: line {line}, column {columns.time!r}: time goes from "
            f"{table.time[back[0]]:g} to {table.time[back[0] + 1]:g} s, expected it to rise"
        )
