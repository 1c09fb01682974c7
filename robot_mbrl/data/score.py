"""The score of a recorded episode: did it do its task, and how well."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.contract.task import Task
from robot_mbrl.data.episode import Episode


@dataclass(frozen=True)
class EpisodeScore:
    """Result of one recorded episode.

    Attributes:
        success: ran to its end, never terminated, and was at the goal for the last `hold_s`.
        returns: undiscounted sum of rewards of the recorded steps.
        at_goal_s: for how long the goal held at the end.
    """

    success: bool
    returns: float
    at_goal_s: float


def score_episode(episode: Episode, task: Task) -> EpisodeScore:
    """Evaluate an episode by the task's own definitions, as evaluation in simulation does."""
    if len(episode) < 2:
        return EpisodeScore(False, 0.0, 0.0)
    next_obs, action = episode.observations[1:], episode.actions[:-1]
    rate = episode.metadata.rate_hz
    away = np.flatnonzero(~np.asarray(task.at_goal(next_obs)))
    held = len(next_obs) - (int(away[-1]) + 1 if len(away) else 0)
    whole = episode.complete and episode.stop_reason == StopReason.FINISHED.value
    alive = not bool(np.any(task.terminated(next_obs)))
    return EpisodeScore(
        success=whole and alive and held >= round(task.hold_s * rate),
        returns=float(np.sum(task.reward(next_obs, action))),
        at_goal_s=held / rate,
    )
