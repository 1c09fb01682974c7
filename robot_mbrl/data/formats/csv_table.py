"""A measured log as arrays: one CSV with named columns, checked row by row."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import read_text
from robot_mbrl.data.formats.log_columns import SECONDS, Column, LogColumns, template

DELIMITERS = ",;\t"
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class LogTable:
    """One CSV of N rows.

    Attributes:
        path: the file.
        columns: where its values come from.
        time_s: rising, (N,).
        q_rad: (N, J).
        commanded, measured: (N, A) in the actuators' units; None where columns are missing.
        cut: whether the last row was incomplete, and is left out.
    """

    path: Path
    columns: LogColumns
    time_s: FloatArray
    q_rad: FloatArray
    commanded: FloatArray | None
    measured: FloatArray | None
    cut: bool


@dataclass(frozen=True)
class Row:
    """Cells of a row and its line, as an editor counts."""

    line: int
    cells: list[str]


def read_log(path: Path, columns: LogColumns, spec: RobotSpec) -> LogTable:
    """Read a CSV: a line of names, then numbers. A byte order mark, semicolons or tabs, blank lines
    and a last row that was cut short are taken as what they are.

    Raises DataError naming file, line and column.
    """
    names, rows, cut = _read_rows(path)
    all_of_it = columns.found(names, spec)
    _check_columns(path, names, all_of_it, spec)

    def values(of: Iterable[Column]) -> FloatArray:
        return np.stack([_values(path, column, names, rows) for column in of], 1)

    time_s = values([Column(all_of_it.time)])[:, 0] * SECONDS[all_of_it.time_unit]
    _check_time(path, time_s, rows, all_of_it)
    actuators = [actuator.name for actuator in spec.actuators]
    commanded, measured = (
        values(table[name] for name in actuators) if set(actuators) <= set(table) else None
        for table in (all_of_it.commanded, all_of_it.measured)
    )
    q_rad = values(all_of_it.positions[joint.name] for joint in spec.joints)
    return LogTable(path, all_of_it, time_s, q_rad, commanded, measured, cut)


def _read_rows(path: Path) -> tuple[list[str], list[Row], bool]:
    """Names, rows with something in them, and whether a last row was cut."""
    text = read_text(path, most=MOST_BYTES)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, ""), delimiter=max(DELIMITERS, key=first.count))
    try:
        rows = [Row(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as CSV ({error})") from error
    rows = [row for row in rows if any(cell.strip() for cell in row.cells)]
    names = [name.strip() for name in rows[0].cells] if rows else []
    cut = len(rows) > 1 and len(rows[-1].cells) < len(names)
    return names, rows[1 : len(rows) - cut], cut


def _check_columns(path: Path, names: list[str], columns: LogColumns, spec: RobotSpec) -> None:
    """Raise DataError where something has no column, naming all of it."""
    used = [*columns.positions.values(), *columns.commanded.values(), *columns.measured.values()]
    absent = [c.name for c in (Column(columns.time), *used) if c.name and c.name not in names]
    lacking = [] if columns.time else ["the time"]
    lacking += [f"joint {j.name!r}" for j in spec.joints if j.name not in columns.positions]
    actuators = {a.name for a in spec.actuators}
    if not (actuators <= set(columns.commanded) or actuators <= set(columns.measured)):
        lacking += [f"actuator {name!r}" for name in sorted(actuators - set(columns.measured))]
    if absent or lacking:
        what = [f"column {name!r}" for name in absent] + [f"column for {x}" for x in lacking]
        raise DataError(
            f"{path}: no {', no '.join(what)}; the file has: {', '.join(names)}. Say which is "
            f"which in a file, --columns columns.toml:\n{template(spec)}"
        )


def _values(path: Path, column: Column, names: list[str], rows: list[Row]) -> FloatArray:
    """Values (N,) of a column."""
    if not column.name:
        return np.full(len(rows), column.offset)
    at = names.index(column.name)
    raw = np.array([_number(path, row, column.name, at) for row in rows], dtype=np.float64)
    return raw * column.scale + column.offset


def _number(path: Path, row: Row, name: str, at: int) -> float:
    text = row.cells[at] if at < len(row.cells) else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}: line {row.line}, column {name!r}: {text!r} is no finite number")
    return value


def _check_time(path: Path, time_s: FloatArray, rows: list[Row], columns: LogColumns) -> None:
    if len(time_s) < 2:
        raise DataError(f"{path}: {len(time_s)} rows of data, expected at least 2")
    back = np.flatnonzero(np.diff(time_s) <= 0)
    if len(back):
        line = rows[int(back[0]) + 1].line
        raise DataError(
            f"{path}: line {line}, column {columns.time!r}: time goes from "
            f"{time_s[back[0]]:g} to {time_s[back[0] + 1]:g} s, expected it to rise"
        )
