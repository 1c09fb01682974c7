"""Measured runs from CSV files as episodes of a robot with one joint and one actuator.

Each run is laid on the control grid: positions interpolated at the ticks, the action of a tick the
mean of the recorded command until the next one, so the impulse is right whatever the log's rate.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract import ActionCodec, ObservationLayout, Observer, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.contract.files.whole_file import whole_file
from robot_mbrl.data.formats.csv_table import LogColumns, LogTable, read_log
from robot_mbrl.data.formats.mcap_writer import EpisodeWriter
from robot_mbrl.data.header import EpisodeHeader
from robot_mbrl.data.tick import Tick, TickFlag

MEASURED, DESIRED = ".measured.csv", ".desired.csv"
SOURCES = ("auto", "measured", "commanded")
MAX_OVER_LIMIT_SHARE = 0.2


@dataclass(frozen=True)
class LogSegment:
    """A segment of a log, without gaps, on the control grid.

    Attributes:
        time_s: (T,).
        q_rad: (T,).
        command: mean over [t, t + dt) in the actuator's unit, (T,).
    """

    time_s: FloatArray
    q_rad: FloatArray
    command: FloatArray


def import_csv(
    csv_paths: Sequence[str | Path],
    spec: RobotSpec,
    out_folder: str | Path,
    *,
    created: str = "",
    columns: LogColumns | None = None,
    torque_source: str = "auto",
    max_gap_s: float | None = None,
) -> list[Path]:
    """Write one episode for each CSV.

    Args:
        csv_paths: files with one row a sample. For `RUN.measured.csv` the commands may stand in
            `RUN.desired.csv` next to it, row by row.
        spec: the robot; one joint, one actuator.
        out_folder: made if missing.
        created: date to note in the episodes, ISO 8601.
        columns: names of the columns.
        torque_source: "measured" takes the torque of the file itself, "commanded" that of the
            desired file; "auto" takes the commanded torque where the desired file holds no
            trajectory: then the torque was the whole command. Beside a trajectory it is only a
            feed-forward, and the input is what was measured.
        max_gap_s: a longer step between rows starts a new segment; default two control periods.

    Commands beyond the actuator's limit are recorded clamped and flagged OVER_LIMIT, as are the
    ticks that remember them in their action history: `Episode.transitions` leaves them out, and the
    header counts them. A model must not learn from an action that was not there.

    Returns:
        The written files.

    Raises:
        DataError: unreadable, missing columns, NaN, time that does not rise, commands of which more
            than a fifth are beyond the limit, or a robot with more than one joint or actuator.
        SettingsError: another `torque_source`.
    """
    if len(spec.joints) != 1 or len(spec.actuators) != 1:
        raise DataError(
            f"import_csv: robot {spec.name!r} has {len(spec.joints)} joints and "
            f"{len(spec.actuators)} actuators; a CSV log describes one of each"
        )
    if torque_source not in SOURCES:
        raise SettingsError(
            f"torque_source {torque_source!r}: expected one of {', '.join(SOURCES)}"
        )
    out = Path(out_folder)
    out.mkdir(parents=True, exist_ok=True)
    gap_s = 2 * spec.control.dt if max_gap_s is None else max_gap_s
    names = columns or LogColumns()
    return [
        _import_one(Path(p), spec, out, created, names, torque_source, gap_s) for p in csv_paths
    ]


def _import_one(
    path: Path,
    spec: RobotSpec,
    out: Path,
    created: str,
    columns: LogColumns,
    torque_source: str,
    max_gap_s: float,
) -> Path:
    log = read_log(path, columns)
    command, source = choose_command(log, columns, torque_source)
    segments = [
        resample(log.time[s], log.position[s], command[s], spec.control.dt)
        for s in split_at_gaps(log.time, max_gap_s)
    ]
    segments = [p for p in segments if len(p.time_s) > 1]
    limit = spec.actuators[0].limit
    over = sum(int((np.abs(p.command) > limit).sum()) for p in segments)
    total = sum(len(p.time_s) for p in segments)
    if over > MAX_OVER_LIMIT_SHARE * total:
        raise DataError(
            f"{path}: {over} of {total} ticks are beyond the limit of {limit:g} "
            f"{spec.actuators[0].unit}; check the unit of {columns.torque!r} or raise the limit"
        )
    extra: dict[str, Any] = {"source": path.name, "torque": source, "over_limit_ticks": over}
    extra |= {"segments": len(segments), "columns": asdict(columns)}
    header = EpisodeHeader.from_spec(spec, kind="import", created=created, extra=extra)
    target = out / f"{path.name.removesuffix('.csv').removesuffix('.measured')}.mcap"
    if target.exists():
        raise DataError(f"{target}: exists already; episodes are never overwritten")
    with whole_file(target) as beside, EpisodeWriter(beside, header) as writer:
        for segment in segments:
            write_segment(writer, segment, spec)
    return target


def choose_command(
    log: LogTable, columns: LogColumns, torque_source: str
) -> tuple[FloatArray, str]:
    """The input of the run and where it came from ("measured" or "commanded")."""
    partner = log.path.with_name(log.path.name.removesuffix(MEASURED) + DESIRED)
    paired = log.path.name.endswith(MEASURED) and partner.is_file()
    if torque_source == "measured" or (torque_source == "auto" and not paired):
        return log.torque, "measured"
    if not paired:
        raise DataError(f"{log.path}: torque_source 'commanded' needs {partner.name} next to it")
    desired = read_log(partner, columns)
    if torque_source == "auto" and np.ptp(desired.position) > 0:
        return log.torque, "measured"
    if len(desired.torque) != len(log.torque):
        raise DataError(
            f"{partner}: {len(desired.torque)} rows, {log.path.name} has {len(log.torque)}; "
            "a command belongs to the measurement in the same row"
        )
    # Row by row: the desired file's own clock is the planned one and drifts from the real one.
    return desired.torque, "commanded"


def split_at_gaps(time: FloatArray, max_gap_s: float) -> list[slice]:
    """Slices of rows whose steps are all at most `max_gap_s`."""
    cuts = [0, *(np.flatnonzero(np.diff(time) > max_gap_s) + 1).tolist(), len(time)]
    return [slice(a, b) for a, b in pairwise(cuts)]


def resample(time: FloatArray, q: FloatArray, command: FloatArray, dt: float) -> LogSegment:
    """Lay rows on a grid of period dt that starts at the first row.

    A command holds from its row to the next; its integral is linear in between, so its mean over a
    tick is exact.
    """
    # A row a microsecond short of a tick is at that tick: log clocks are rounded.
    ticks = int(np.floor((time[-1] - time[0]) / dt + 1e-3))
    grid = time[0] + dt * np.arange(ticks + 1)
    impulse = np.concatenate([[0.0], np.cumsum(command[:-1] * np.diff(time))])
    mean = np.diff(np.interp(grid, time, impulse)) / dt
    return LogSegment(grid[:-1], np.interp(grid[:-1], time, q), mean)


def write_segment(writer: EpisodeWriter, segment: LogSegment, spec: RobotSpec) -> None:
    """Append one segment; flags tell which of its rows must not be learned from."""
    codec = ActionCodec.from_spec(spec)
    observer = Observer(ObservationLayout.from_spec(spec))
    proposed = codec.to_action(segment.command[:, None])
    applied = np.clip(proposed, -1.0, 1.0)
    first = writer.ticks
    flags = segment_flags(proposed[:, 0], first, spec)
    for t, q in enumerate(segment.q_rad[:, None]):
        observation = observer.reset(q) if t == 0 else observer.update(q, applied[t - 1])
        writer.write(
            Tick(
                index=first + t,
                host_time_s=float(segment.time_s[t]),
                device_time_s=float(segment.time_s[t]),
                q_rad=q,
                observation=observation,
                proposed=proposed[t],
                applied=applied[t],
                disagreement=np.nan,
                innovation=np.full(1, np.nan),
                lateness_s=0.0,
                plan_time_s=0.0,
                flags=int(flags[t]),
            )
        )


def segment_flags(proposed: FloatArray, first: int, spec: RobotSpec) -> npt.NDArray[np.int64]:
    """Flags (T,) of one segment whose unclamped actions are `proposed` (T,).

    A log starts at rest, as the observer assumes; a segment after a gap does not, so its rows are
    stale until velocity and history are filled with measurements.
    """
    control = spec.control
    flags = np.zeros(len(proposed), dtype=np.int64)
    if first > 0:
        flags[0] |= TickFlag.NEW_SEGMENT
        flags[: 1 + max(control.observation_history, control.action_history)] |= TickFlag.STALE
    for t in np.flatnonzero(np.abs(proposed) > 1.0):
        flags[t] |= TickFlag.CLAMPED
        flags[t : t + 1 + control.action_history] |= TickFlag.OVER_LIMIT
    return flags
