"""A recorded run played again in simulation: its commands, from where it began.

from the beginning of each segment to its end       how far the simulation goes astray in all
K ticks from every measured state                   what it gets wrong in that time
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.log_windows import LogWindows
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.windows import Windows
from sim.open_loop import simulate_increments


@dataclass(frozen=True)
class ReplayedSegment:
    """A segment of T ticks and what the simulation makes of it; angles in rad go on beyond a turn.

    Attributes:
        measured_rad: (T + 1, J).
        simulated_rad: played from the first state on, (T + 1, J).
    """

    measured_rad: FloatArray
    simulated_rad: FloatArray


def replay_segment(
    spec: RobotSpec, segment: Segment, *, backend: str = "mujoco"
) -> ReplayedSegment:
    """Play a whole segment from its first state; raises as `simulate_increments`."""
    whole = Windows.cut([segment], len(segment))
    log = LogWindows.of(ObservationLayout.from_spec(spec), whole)
    travel = np.cumsum(replay_windows(spec, whole, backend=backend)[0], 0)
    start = log.q_rad[0]
    both = (log.travel_rad[0], travel)
    return ReplayedSegment(*(np.concatenate([start[None], start + path]) for path in both))


def replay_windows(spec: RobotSpec, windows: Windows, *, backend: str = "mujoco") -> FloatArray:
    """Increments (W, K, J) in rad that the simulation makes of windows, each from the state that
    was measured at its start; raises as `simulate_increments`."""
    log = LogWindows.of(ObservationLayout.from_spec(spec), windows)
    return simulate_increments(
        spec, log.q_rad, log.qd_rad_s, log.before, log.action, backend=backend
    )


def one_after_the_other(segments: Sequence[Segment], ticks: int) -> list[Windows]:
    """The windows of `ticks` ticks of each segment that is long enough, each of which begins where
    the one before ends."""
    return [
        Windows.cut([s], ticks).take(np.arange(0, len(s) - ticks + 1, ticks))
        for s in segments
        if len(s) >= ticks
    ]
