"""Observations from samples: velocities over the time that passed, not over what was planned."""

import numpy as np

from robot_mbrl.contract import Observer, RobotState
from robot_mbrl.contract.arrays import FloatArray


class MeasuredObserver:
    """An `Observer` that is given samples of a machine tick by tick.

    Attributes:
        observer: makes the observations.
    """

    def __init__(self, observer: Observer) -> None:
        """Give samples to `observer`, of one robot."""
        self.observer = observer
        self._time_s = 0.0

    def reset(self, state: RobotState, goal: FloatArray | None = None) -> FloatArray:
        """Start at a sample, at rest; returns the observation (O,)."""
        self._time_s = state.device_time_s
        return self.observer.reset(np.array(state.q_rad), goal=goal)

    def update(self, state: RobotState | None, applied: FloatArray, waited_s: float) -> FloatArray:
        """Take the sample of a tick and the action (A,) since the last one; returns obs (O,).

        Without a fresh sample the machine is taken to have moved on for `waited_s` seconds.
        """
        seen = state is not None and state.fresh
        elapsed_s = state.device_time_s - self._time_s if state and seen else waited_s
        self._time_s += elapsed_s
        q = state.q_rad if state and seen else None
        return self.observer.update(q, applied, elapsed_s=elapsed_s)

    def get_state(self) -> dict[str, float]:
        """When the newest positions were taken; not the observer's own state."""
        return {"time_s": self._time_s}

    def set_state(self, state: dict[str, float]) -> None:
        """Go on from what `get_state` gave."""
        self._time_s = state["time_s"]
