"""Windows of recorded observations as a simulator wants them: joint states, commands, travel."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.data.windows import Windows


@dataclass(frozen=True)
class LogWindows:
    """W windows of K ticks of a log, in joint space.

    Attributes:
        q_rad: positions at the start, (W, J).
        qd_rad_s: velocities at the start, (W, J).
        before: action of the tick before, (W, A); with latency it acts longer.
        action: (W, K, A) in [-1, 1].
        travel_rad: how far the joints travelled after 1..K ticks, (W, K, J).
    """

    q_rad: FloatArray
    qd_rad_s: FloatArray
    before: FloatArray
    action: FloatArray
    travel_rad: FloatArray

    def __len__(self) -> int:
        """Windows W."""
        return len(self.q_rad)

    @classmethod
    def of(
        cls, layout: ObservationLayout, windows: Windows, *, centred: bool = False
    ) -> "LogWindows":
        """Joint states of observations.

        The observation's speed is half a tick old, which a simulator would take for friction.
        `centred` averages it with that of the next tick: for looking back at a log, not for
        predicting.
        """
        obs = np.asarray(windows.obs, np.float64)
        steps = layout.increments(obs[:, :-1], obs[:, 1:])
        speed = layout.velocities(obs[:, 0])
        if centred:
            speed = (speed + layout.velocities(obs[:, 1])) / 2
        columns = [layout.column(f"{a}.action[-1]") for a in layout.actuators]
        before = obs[:, 0, columns]
        return cls(positions(layout, obs[:, 0]), speed, before, windows.action, np.cumsum(steps, 1))

    def take(self, index: np.ndarray) -> "LogWindows":
        """Windows of an index (N,)."""
        return LogWindows(
            self.q_rad[index],
            self.qd_rad_s[index],
            self.before[index],
            self.action[index],
            self.travel_rad[index],
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
