"""Measured runs from CSV files as episodes of a robot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract import ActionCodec, ObservationLayout, Observer, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.contract.files.whole_file import whole_file
from robot_mbrl.data.formats.log_columns import LogColumns
from robot_mbrl.data.formats.log_layout import LogImport, lay_out
from robot_mbrl.data.formats.log_resampling import MAX_PERIODS, ROUNDING, LogSegment
from robot_mbrl.data.formats.mcap_writer import EpisodeWriter
from robot_mbrl.data.header import EpisodeHeader
from robot_mbrl.data.tick import Tick, TickFlag

SOURCES = ("auto", "measured", "commanded")


def import_csv(
    csv_paths: Sequence[str | Path],
    spec: RobotSpec,
    out_folder: str | Path,
    *,
    created: str = "",
    columns: LogColumns | None = None,
    source: str = "auto",
    max_gap_s: float | None = None,
) -> list[Path]:
    """Write one episode for each CSV; all are read before the first is written.

    Args:
        csv_paths: files with one row a sample. For `RUN.measured.csv` the commands may stand in
            `RUN.desired.csv` next to it, row by row.
        spec: the robot; any number of joints and actuators.
        out_folder: made if missing. An episode has the name of its log; logs of the same name in
            several folders have their folders before it.
        created: date to note in the episodes, ISO 8601.
        columns: where the values are; found by name by default, see `LogColumns`.
        source: of the actions. "commanded" takes what was asked of the actuators, "measured" what
            they did; "auto" takes the commands of the file itself, else those of the desired file
            unless that holds a trajectory too: then its torque is only a feed-forward, and the
            action is what was measured.
        max_gap_s: a longer step between rows starts a new segment; `MAX_PERIODS` control periods
            by default, over which `log_resampling` says what is put between rows.

    What is left out is counted: `metadata.extra` of an episode has `rows`, `possible_ticks` and
    `dropped`, a sentence each. Commands beyond an actuator's limit are recorded clamped and flagged
    OVER_LIMIT, as are the ticks that remember them in their action history: `Episode.transitions`
    leaves them out. A model must not learn from an action that was not there. Time that begins
    below 0 is shifted to begin at 0, `extra["time_shift_s"]` says by how much.

    Returns:
        The written files.

    Raises:
        DataError: unreadable, missing columns, NaN, time that does not rise, commands of which more
            than a fifth are beyond the limit, a log of which nothing could be kept.
        SettingsError: another `source`.
    """
    if source not in SOURCES:
        raise SettingsError(f"source {source!r}: expected one of {', '.join(SOURCES)}")
    gap_s = max_gap_s or (MAX_PERIODS + ROUNDING) * spec.control.dt
    paths = [Path(path) for path in csv_paths]
    targets = [Path(out_folder) / name for name in episode_names(paths)]
    for target in targets:
        if target.exists():
            raise DataError(f"{target}: exists already; episodes are never overwritten")
    runs = [lay_out(path, spec, columns or LogColumns(), source, gap_s) for path in paths]
    Path(out_folder).mkdir(parents=True, exist_ok=True)
    for run, target in zip(runs, targets, strict=True):
        header = EpisodeHeader.from_spec(spec, kind="import", created=created, extra=extra_of(run))
        with whole_file(target) as beside, EpisodeWriter(beside, header) as writer:
            for segment in run.segments:
                write_segment(writer, segment, spec)
    return targets


def episode_names(paths: Sequence[Path]) -> list[str]:
    """Names of the episodes of logs, all different; raises DataError for a log given twice."""
    whole = [path.resolve() for path in paths]
    again = [path for k, path in enumerate(paths) if whole[k] in whole[:k]]
    if again:
        raise DataError(f"{again[0]}: the same log is given twice")
    stems = [path.name.removesuffix(".csv").removesuffix(".measured") for path in whole]
    names = list(stems)
    for folders in range(1, max((len(path.parts) for path in whole), default=1)):
        same = [names.count(name) > 1 for name in names]
        if not any(same):
            break
        names = [
            "-".join([*path.parts[:-1][-folders:], stem]) if twice else name
            for name, stem, path, twice in zip(names, stems, whole, same, strict=True)
        ]
    return [f"{name}.mcap" for name in names]


def extra_of(run: LogImport) -> dict[str, Any]:
    """What an episode's header says of the log it came from."""
    return {
        "source": run.log.path.name,
        "actions": run.source,
        "columns": run.log.columns.described,
        "rows": len(run.log.time_s),
        "possible_ticks": run.possible,
        "dropped": run.dropped,
        "over_limit_ticks": run.over,
        "segments": len(run.segments),
        "time_shift_s": -min(0.0, float(run.log.time_s[0])),
    }


def write_segment(writer: EpisodeWriter, segment: LogSegment, spec: RobotSpec) -> None:
    """Append one segment; flags tell which of its rows must not be learned from."""
    codec = ActionCodec.from_spec(spec)
    observer = Observer(ObservationLayout.from_spec(spec))
    proposed = codec.to_action(segment.command)
    applied = np.clip(proposed, -1.0, 1.0)
    first = writer.ticks
    flags = segment_flags(proposed, first, spec)
    for t, q in enumerate(segment.q_rad):
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
                innovation=np.full(len(q), np.nan),
                lateness_s=0.0,
                plan_time_s=0.0,
                flags=int(flags[t]),
            )
        )


def segment_flags(proposed: FloatArray, first: int, spec: RobotSpec) -> npt.NDArray[np.int64]:
    """Flags (T,) of one segment whose unclamped actions are `proposed` (T, A).

    A log starts at rest, as the observer assumes; a segment after a gap does not, so its rows are
    stale until velocity and history are filled with measurements.
    """
    control = spec.control
    flags = np.zeros(len(proposed), dtype=np.int64)
    if first > 0:
        flags[0] |= TickFlag.NEW_SEGMENT
        flags[: 1 + max(control.observation_history, control.action_history)] |= TickFlag.STALE
    for t in np.flatnonzero((np.abs(proposed) > 1.0).any(1)):
        flags[t] |= TickFlag.CLAMPED
        flags[t : t + 1 + control.action_history] |= TickFlag.OVER_LIMIT
    return flags
