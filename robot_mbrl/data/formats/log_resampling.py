"""Rows of a log, taken at any moments, on the control grid.

A command holds from its row to the next; its integral is linear in between, so its mean over a tick
is exact whatever the log's rate. Positions are interpolated: linearly where rows are about as close
as ticks, by a cubic through rows and their slopes (Hermite, slopes by central differences) where
they are further apart, for straight lines between them would give jerks that no machine made. Over
more than `MAX_PERIODS` control periods nothing is interpolated: what happened there is not known.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract.arrays import FloatArray

MAX_PERIODS = 3
"""Rows further apart than so many control periods are a gap."""
ROUNDING = 1e-3
"""Of a control period: log clocks are rounded."""
CUBIC_FROM = 1.5
"""Control periods between two rows from which a cubic is laid between them."""


@dataclass(frozen=True)
class LogSegment:
    """A segment of a log, without gaps, on the control grid.

    Attributes:
        time_s: (T,).
        q_rad: (T, J).
        command: mean over [t, t + dt) in the actuators' units, (T, A).
    """

    time_s: FloatArray
    q_rad: FloatArray
    command: FloatArray


def split_rows(rows: int, apart: npt.NDArray[np.bool_]) -> list[slice]:
    """Slices of N rows between those steps (N - 1,) that are `apart`."""
    cuts = [0, *(np.flatnonzero(apart) + 1).tolist(), rows]
    return [slice(a, b) for a, b in pairwise(cuts)]


def resample(time: FloatArray, q: FloatArray, command: FloatArray, dt: float) -> LogSegment:
    """Lay rows (N,), (N, J), (N, A) on a grid of period dt that starts at the first row."""
    # A row a microsecond short of a tick is at that tick: log clocks are rounded.
    ticks = int(np.floor((time[-1] - time[0]) / dt + ROUNDING))
    grid = time[0] + dt * np.arange(ticks + 1)
    impulse = np.zeros_like(command)
    np.cumsum(command[:-1] * np.diff(time)[:, None], 0, out=impulse[1:])
    total = np.stack([np.interp(grid, time, column) for column in impulse.T], 1)
    angles = [interpolate(grid[:-1], time, column, dt) for column in q.T]
    return LogSegment(grid[:-1], np.stack(angles, 1), np.diff(total, axis=0) / dt)


def interpolate(at: FloatArray, time: FloatArray, q: FloatArray, dt: float) -> FloatArray:
    """Positions (T,) at moments `at` (T,) of rows at `time` (N,), see the module."""
    line = np.interp(at, time, q)
    before = np.clip(np.searchsorted(time, at, "right") - 1, 0, len(time) - 2)
    step = time[before + 1] - time[before]
    apart = step > CUBIC_FROM * dt
    if not apart.any():
        return line
    slope = np.gradient(q, time)
    s = (at - time[before]) / step
    rise = q[before + 1] - q[before]
    a = step * slope[before] - rise
    b = rise - step * slope[before + 1]
    cubic = q[before] + s * rise + s * (1 - s) * ((1 - s) * a + s * b)
    return np.where(apart, cubic, line)
