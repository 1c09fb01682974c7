"""The observer: measured positions become observations, tick by tick."""

from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.observation.layout import ObservationLayout


class Observer:
    """Turns measured positions into observations, for one robot or for B worlds at once.

    The same code serves the vector simulator (batch shape (B,)), the single simulator and the real
    robot (batch shape ()).

    Attributes:
        goal: of the episode, (*batch, G); `reset` changes it where it is given another.
    """

    def __init__(
        self,
        layout: ObservationLayout,
        batch: tuple[int, ...] = (),
        goal: FloatArray | None = None,
    ) -> None:
        self.layout = layout
        self.goal = np.zeros((*batch, len(layout.goal)))
        if goal is not None:
            self.goal[...] = goal
        self._q = np.zeros((*batch, len(layout.joints)))
        # for each world: numpy is slow where it has to repeat a short row
        self._alpha = np.broadcast_to(layout.alpha, self._q.shape).copy()
        self._v = np.zeros_like(self._q)
        self._obs = np.zeros((*batch, layout.size))

    def reset(self, q: FloatArray, mask: Any = ..., goal: FloatArray | None = None) -> FloatArray:
        """Start at positions q (..., J) at rest, with a history of the same; returns obs (..., O).

        `mask` selects the worlds to reset; q and goal (..., G) then hold only those. Without a goal
        the one from before stays.
        """
        layout = self.layout
        self._q[mask] = q
        self._v[mask] = 0.0
        block = layout.block_parts(q, np.zeros_like(q))
        if goal is not None:
            self.goal[mask] = goal
        actions = [layout.hold(q)] * layout.action_history
        history = block * layout.observation_history
        self._obs[mask] = np.concatenate([*block, *actions, *history, self.goal[mask]], -1)
        return self._obs.copy()

    def take(self, other: "Observer", rows: slice, ids: np.ndarray) -> FloatArray:
        """Make worlds `ids` (n,) such as another's `rows` (n,) are; returns obs (B, O)."""
        self._q[ids], self._v[ids] = other._q[rows], other._v[rows]
        self._obs[ids], self.goal[ids] = other._obs[rows], other.goal[rows]
        return self._obs.copy()

    def update(
        self, q: FloatArray | None, action: FloatArray, fresh: np.ndarray | None = None
    ) -> FloatArray:
        """Take the next measured positions and the action applied since the last; returns obs (...,
        O).

        q None (no fresh sample) is bridged at constant velocity; of a batch, so are those worlds
        for which `fresh` (*batch,) is False.
        """
        layout = self.layout
        dq = self._v * layout.dt if q is None else q - self._q
        if fresh is not None:
            dq = np.where(fresh[..., None], dq, self._v * layout.dt)
        self._q = self._q + dq
        v = self._v + self._alpha * (dq / layout.dt - self._v)
        m, a = len(layout.block), layout.action_size
        old, parts = self._obs, layout.block_parts(self._q, v)
        if layout.action_history:
            parts += [action, old[..., m : m + a * (layout.action_history - 1)]]
        if layout.observation_history:
            start = m + a * layout.action_history
            parts += [old[..., :m], old[..., start : start + m * (layout.observation_history - 1)]]
        self._v = v
        self._obs = np.concatenate([*parts, self.goal], -1)
        return self._obs.copy()

    def get_state(self) -> dict[str, FloatArray]:
        """The state that decides the next observations, as copies (*batch, ...) by name."""
        return {"q": self._q.copy(), "v": self._v.copy(), "obs": self._obs.copy()} | {
            "goal": self.goal.copy()
        }

    def set_state(self, state: dict[str, FloatArray]) -> None:
        """Go on from what `get_state` gave."""
        self._q[...], self._v[...] = state["q"], state["v"]
        self._obs[...], self.goal[...] = state["obs"], state["goal"]

    @property
    def last_action(self) -> FloatArray:
        """The newest applied action (..., A), or what holds the robot at its start."""
        action: FloatArray = self.layout.last_action(self._obs).copy()
        return action

    @property
    def q(self) -> FloatArray:
        """The newest positions (..., J), unwrapped, rad."""
        return self._q.copy()
