"""Watching the model from outside: innovation (it is wrong) and disagreement (it does not know)."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.onboard.controller.output import ControllerOutput
from robot_mbrl.onboard.monitor.thresholds import MonitorThresholds


@dataclass(frozen=True)
class Alarm:
    """A statistic passed its limit."""

    reason: StopReason
    message: str


class Monitor:
    """CUSUM statistics (K,) of one episode; state is reset at its start."""

    def __init__(self, thresholds: MonitorThresholds, joints: tuple[str, ...]) -> None:
        """`joints` names the columns of z."""
        self.thresholds = thresholds
        self.joints = joints
        self._limits = np.asarray(thresholds.limits)
        self.reset()

    def reset(self) -> None:
        """Forget everything; at the start of an episode."""
        self.statistics = np.zeros(len(self._limits))
        self.peak = np.zeros(len(self._limits))

    def update(self, z: FloatArray, disagreement: float) -> Alarm | None:
        """Take one tick's z (J,) and disagreement, NaN where unknown; returns an alarm if any."""
        step = self.thresholds.increments(z, np.asarray(disagreement, dtype=np.float64))
        self.statistics = np.maximum(0.0, self.statistics + step)
        self.peak = np.maximum(self.peak, self.statistics)
        share = self.statistics / self._limits
        worst = int(np.argmax(share))
        if share[worst] <= 1.0:
            return None
        novelty = worst == len(self._limits) - 1
        return Alarm(
            StopReason.DISAGREEMENT if novelty else StopReason.INNOVATION,
            f"{self.thresholds.name(worst, self.joints)}: statistic "
            f"{self.statistics[worst]:.1f} passed its limit {self._limits[worst]:.1f}",
        )

    def report(self) -> dict[str, float]:
        """The largest share of its limit that each statistic reached."""
        names = [f"{j}.{kind}" for kind in ("up", "down", "square") for j in self.joints]
        return dict(zip([*names, "disagreement"], (self.peak / self._limits).tolist(), strict=True))


class WatchingMonitor(Monitor):
    """Remembers its first alarm and stops nothing.

    Attributes:
        alarm: the first of this episode, if there was one.
    """

    alarm: Alarm | None = None

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.alarm = None

    def update(self, z: FloatArray, disagreement: float) -> None:
        """Take one tick; never an alarm."""
        self.alarm = self.alarm or super().update(z, disagreement)


def innovation(
    layout: ObservationLayout, observation: FloatArray, previous: ControllerOutput | None
) -> FloatArray:
    """z (J,): (observed - predicted velocity) / predicted spread, NaN without a prediction.

    Positions follow from filtered velocities by one gain, so this is the innovation of the position
    increment as well.
    """
    if previous is None:
        return np.full(len(layout.joints), np.nan)
    seen, mean = layout.velocities(observation), layout.velocities(previous.predicted_mean)
    std = layout.velocities(previous.predicted_std)
    z: FloatArray = (seen - mean) / np.maximum(std, 1e-9)
    return z
