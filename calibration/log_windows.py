"""Windows of recorded observations as a simulator wants them: joint states, commands, travel."""

import numpy as np

from calibration.posterior import LogWindows
from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.models.judging.open_loop import Starts


def log_windows(layout: ObservationLayout, starts: Starts, *, centred: bool = False) -> LogWindows:
    """What a simulator needs of windows: a state, the command before it, and what is to come.

    The observation's speed is half a tick old, which a simulator would take for friction. `centred`
    averages it with that of the next tick: for looking back at a log, not for predicting.
    """
    obs = starts.obs[:, 0]
    steps = layout.increments(starts.obs[:, :-1], starts.obs[:, 1:])
    columns = [layout.column(f"{a}.action[-1]") for a in layout.actuators]
    speed = layout.velocities(obs)
    if centred:
        speed = (speed + layout.velocities(starts.obs[:, 1])) / 2
    return LogWindows(
        positions(layout, obs), speed, obs[:, columns], starts.actions, np.cumsum(steps, 1)
    )


def positions(layout: ObservationLayout, obs: FloatArray) -> FloatArray:
    """Joint positions (W, J) rad of observations, within +-pi where a joint wraps."""
    q = []
    for name, wraps in zip(layout.joints, layout.wraps, strict=True):
        if wraps:
            s, c = layout.column(f"{name}.sin"), layout.column(f"{name}.cos")
            q.append(np.arctan2(obs[:, s], obs[:, c]))
        else:
            q.append(obs[:, layout.column(f"{name}.position")])
    return np.stack(q, -1)
