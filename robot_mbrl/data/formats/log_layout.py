"""A measured log on the control grid of a robot, with an account of what was left out."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.formats.csv_table import LogTable, read_log
from robot_mbrl.data.formats.log_columns import LogColumns
from robot_mbrl.data.formats.log_resampling import (
    ROUNDING,
    LogSegment,
    resample,
    split_rows,
)

MEASURED, DESIRED = ".measured.csv", ".desired.csv"
MAX_OVER_LIMIT_SHARE = 0.2
IMPOSSIBLE_SPEED = 10  # times a joint's velocity limit


@dataclass(frozen=True)
class LogImport:
    """One log on the control grid, not yet written.

    Attributes:
        log: what was read.
        source: of the actions, "commanded" or "measured".
        segments: at least one.
        possible: ticks between the first row and the last.
        over: ticks whose command is beyond the limit of an actuator.
        dropped: what was left out, a sentence each.
    """

    log: LogTable
    source: str
    segments: list[LogSegment]
    possible: int
    over: int
    dropped: list[str]

    @property
    def ticks(self) -> int:
        """How many are kept."""
        return sum(len(segment.time_s) for segment in self.segments)


def lay_out(
    path: Path, spec: RobotSpec, columns: LogColumns, source: str, max_gap_s: float
) -> LogImport:
    """Read a log and lay it on the control grid; raises DataError, see `import_csv`."""
    log = read_log(path, columns, spec)
    command, chosen = choose_command(log, columns, source, spec)
    dt, time = spec.control.dt, log.time_s - min(0.0, log.time_s[0])
    q, gaps = whole_turns(log.q_rad, spec), np.diff(time) > max_gap_s
    jumps = _jumps(log, q, spec) & ~gaps
    pieces = split_rows(len(time), gaps | jumps)
    laid = [resample(time[s], q[s], command[s], dt) for s in pieces if _rows(s) > 1]
    segments = [segment for segment in laid if len(segment.time_s) > 1]
    possible = int((time[-1] - time[0]) / dt + ROUNDING)
    dropped = _dropped(log, gaps, max_gap_s, jumps) + _short(log, pieces, dt)
    run = LogImport(log, chosen, segments, possible, 0, dropped)
    if not segments:
        raise DataError(_nothing(run, spec, max_gap_s))
    return replace(run, over=_over_limit(run, spec))


def whole_turns(q: FloatArray, spec: RobotSpec) -> FloatArray:
    """Positions (N, J) that go on beyond a turn where a joint wraps and the log jumps by one."""
    wraps = [joint.wraps for joint in spec.joints]
    return np.where(wraps, np.unwrap(q, axis=0), q)


def _jumps(log: LogTable, q: FloatArray, spec: RobotSpec) -> npt.NDArray[np.bool_]:
    """Steps (N - 1,) that no joint can make; raises DataError where many are too fast for
    radians."""
    limits = np.array([joint.velocity_limit_rad_s for joint in spec.joints])
    speed = np.abs(np.diff(q, axis=0)) / np.diff(log.time_s)[:, None]
    for joint, count in zip(spec.joints, (speed > limits).sum(0).tolist(), strict=True):
        if count > MAX_OVER_LIMIT_SHARE * len(speed):
            column = log.columns.positions[joint.name].name
            raise DataError(
                f"{log.path}: in {count} of {len(speed)} steps {joint.name!r} is faster than its "
                f"limit of {joint.velocity_limit_rad_s:g} rad/s; is {column!r} in rad? Give it a "
                "scale in --columns, such as 0.01745329 for degrees"
            )
    return np.asarray((speed > IMPOSSIBLE_SPEED * limits).any(1))


def _rows(rows: slice) -> int:
    return int(rows.stop - rows.start)


def _dropped(
    log: LogTable,
    gaps: npt.NDArray[np.bool_],
    max_gap_s: float,
    jumps: npt.NDArray[np.bool_],
) -> list[str]:
    """What lies between the pieces of a log."""
    time, steps, found = log.time_s, np.diff(log.time_s), []
    if log.cut:
        found.append("the last row, which is cut short")
    if gaps.any():
        worst = int(np.argmax(steps))
        found.append(
            f"{steps[gaps].sum():.3f} s in {gaps.sum()} gaps, steps of more than "
            f"{1e3 * max_gap_s:.0f} ms (the longest {steps[worst]:.3f} s after {time[worst]:.3f} s)"
        )
    if jumps.any():
        found.append(
            f"{jumps.sum()} jumps of more than {IMPOSSIBLE_SPEED} times a joint's velocity limit "
            f"(the first after {time[int(np.argmax(jumps))]:.3f} s)"
        )
    return found


def _short(log: LogTable, pieces: list[slice], dt: float) -> list[str]:
    """The pieces that are too short to be segments."""
    time = log.time_s
    short = [p for p in pieces if time[p.stop - 1] - time[p.start] < (2 - ROUNDING) * dt]
    rows = sum(map(_rows, short))
    return [f"{rows} rows between them, less than two ticks together"] if rows else []


def _nothing(run: LogImport, spec: RobotSpec, max_gap_s: float) -> str:
    """Why nothing of a log can be kept."""
    step_s, rate_hz = float(np.median(np.diff(run.log.time_s))), spec.control.rate_hz
    clock = run.log.columns
    hint = (
        f'; if {clock.time!r} is in ms, say time_unit = "ms" in a --columns file'
        if step_s > 0.5
        else ""
    )
    return (
        f"{run.log.path}: 0 of {run.possible} ticks can be kept. Rows are {1e3 * step_s:.4g} ms "
        f"apart, {1 / step_s:.4g} Hz; the robot is controlled at {rate_hz:g} Hz, and over more "
        f"than {1e3 * max_gap_s:.0f} ms nothing is interpolated. Log faster, or lower rate_hz in "
        f"robot.toml{hint if step_s > 0.5 else ''}"
    )


def _over_limit(run: LogImport, spec: RobotSpec) -> int:
    """Ticks beyond a limit; raises DataError where they are too many to be true."""
    limits = np.array([actuator.limit for actuator in spec.actuators])
    beyond = np.concatenate([np.abs(s.command) > limits for s in run.segments])
    for k, actuator in enumerate(spec.actuators):
        count = int(beyond[:, k].sum())
        if count > MAX_OVER_LIMIT_SHARE * run.ticks:
            table = getattr(run.log.columns, run.source)
            column = table[actuator.name].name if actuator.name in table else run.source
            raise DataError(
                f"{run.log.path}: {count} of {run.ticks} ticks are beyond the limit of "
                f"{actuator.limit:g} {actuator.unit} of {actuator.name!r}; check the unit of "
                f"{column!r}, give it a scale in --columns, or raise the limit"
            )
    return int(beyond.any(1).sum())


def choose_command(
    log: LogTable, columns: LogColumns, source: str, spec: RobotSpec
) -> tuple[FloatArray, str]:
    """The input (N, A) of the run and where it came from ("measured" or "commanded")."""
    if source != "measured" and log.commanded is not None:
        return log.commanded, "commanded"
    partner = log.path.with_name(log.path.name.removesuffix(MEASURED) + DESIRED)
    paired = log.path.name.endswith(MEASURED) and partner.is_file()
    if source == "measured" or (source == "auto" and not paired):
        if log.measured is None:
            raise DataError(f"{log.path}: source 'measured' needs columns of what was measured")
        return log.measured, "measured"
    if not paired:
        raise DataError(
            f"{log.path}: source 'commanded' needs columns of commands, or {partner.name} beside it"
        )
    desired = read_log(partner, columns, spec)
    if source == "auto" and log.measured is not None and np.ptp(desired.q_rad, axis=0).any():
        return log.measured, "measured"
    command = desired.measured if desired.commanded is None else desired.commanded
    if command is None or len(command) != len(log.time_s):
        raise DataError(
            f"{partner}: {len(desired.time_s)} rows, {log.path.name} has {len(log.time_s)}; "
            "a command belongs to the measurement in the same row"
        )
    # Row by row: the desired file's own clock is the planned one and drifts from the real one.
    return command, "commanded"
