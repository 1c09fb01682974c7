"""Episodes made of arrays, for tests that look at recorded ones."""

from pathlib import Path

import numpy as np

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.data import Episode, EpisodeHeader


def make_episode(
    spec: RobotSpec,
    actions: np.ndarray,
    *,
    stop_reason: str | None = "finished",
    observations: np.ndarray | None = None,
    path: Path = Path("episode.mcap"),
    index: np.ndarray | None = None,
) -> Episode:
    """An episode with these actions (T, A), hanging still by default."""
    ticks, joints = len(actions), len(spec.joints)
    layout = ObservationLayout.from_spec(spec)
    return Episode(
        path=path,
        metadata=EpisodeHeader.from_spec(spec, kind="deploy", created="2026-01-01T00:00:00"),
        index=np.arange(ticks) if index is None else index,
        time_s=layout.dt * np.arange(ticks),
        device_time_s=layout.dt * np.arange(ticks),
        q_rad=np.zeros((ticks, joints)),
        observations=np.zeros((ticks, layout.size)) if observations is None else observations,
        proposed=actions,
        actions=actions,
        disagreement=np.zeros(ticks),
        innovation=np.zeros((ticks, joints)),
        lateness_s=np.zeros(ticks),
        plan_time_s=np.full(ticks, 1e-3),
        flags=np.zeros(ticks, dtype=np.int64),
        complete=stop_reason is not None,
        stop_reason=stop_reason,
    )
