"""The observer: measured positions become observations, tick by tick."""

from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.observation.layout import ObservationLayout

NOMINAL_SHARE = 0.1
"""A tick that differs by less than this from the period is taken as one: it is as regular as those
that controllers are trained on, and so small a difference may be the clocks'."""
LEAST_SHARE = 0.5
"""Of the period: positions that are closer in time are no measure of a velocity."""


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
        self._unseen_s = np.zeros(batch)
        self._obs = np.zeros((*batch, layout.size))

    def reset(self, q: FloatArray, mask: Any = ..., goal: FloatArray | None = None) -> FloatArray:
        """Start at positions q (..., J) at rest, with a history of the same; returns obs (..., O).

        `mask` selects the worlds to reset; q and goal (..., G) then hold only those. Without a goal
        the one from before stays.
        """
        layout = self.layout
        self._q[mask] = q
        self._v[mask] = 0.0
        self._unseen_s[mask] = 0.0
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
        self._unseen_s[ids] = other._unseen_s[rows]
        self._obs[ids], self.goal[ids] = other._obs[rows], other.goal[rows]
        return self._obs.copy()

    def update(
        self,
        q: FloatArray | None,
        action: FloatArray,
        fresh: np.ndarray | None = None,
        elapsed_s: float | None = None,
    ) -> FloatArray:
        """Take the next measured positions and the action applied since the last; returns obs (...,
        O).

        q None (no fresh sample) is bridged at constant velocity; of a batch, so are those worlds
        for which `fresh` (*batch,) is False. The next fresh position gives the mean velocity since
        the last one. `elapsed_s` is the time since the last update; one period by default.
        """
        layout, step_s = self.layout, self._step_s(elapsed_s)
        dq = self._v * step_s if q is None else q - self._q
        if fresh is not None:
            dq = np.where(fresh[..., None], dq, self._v * step_s)
        self._q = self._q + dq
        v = self._v + self._gain(step_s) * (dq / step_s - self._v)
        unseen = q is None if fresh is None else ~fresh
        self._unseen_s = np.where(unseen, self._unseen_s + step_s, 0.0)
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

    def _step_s(self, elapsed_s: float | None) -> float:
        dt = self.layout.dt
        if elapsed_s is None or abs(elapsed_s - dt) <= NOMINAL_SHARE * dt:
            return dt
        return max(elapsed_s, LEAST_SHARE * dt)

    def _gain(self, step_s: float) -> FloatArray:
        """Share (*batch, J) of a step's surprise in velocity that is taken over.

        What positions were off after `_unseen_s` of constant velocity came about in all that time,
        not in the last step; and the filter forgets by time, not by ticks.
        """
        if step_s == self.layout.dt and not self._unseen_s.any():
            return self._alpha
        span_s = self._unseen_s[..., None] + step_s
        forgotten = 1.0 - (1.0 - self._alpha) ** (span_s / self.layout.dt)
        regular = span_s == self.layout.dt  # to the bit, as in a world alone
        return np.where(regular, self._alpha, forgotten * step_s / span_s)

    def get_state(self) -> dict[str, FloatArray]:
        """The state that decides the next observations, as copies (*batch, ...) by name."""
        return {
            "q": self._q.copy(),
            "v": self._v.copy(),
            "unseen_s": self._unseen_s.copy(),
            "obs": self._obs.copy(),
            "goal": self.goal.copy(),
        }

    def set_state(self, state: dict[str, FloatArray]) -> None:
        """Go on from what `get_state` gave, also that of before `unseen_s`."""
        self._q[...], self._v[...] = state["q"], state["v"]
        self._unseen_s[...] = state.get("unseen_s", 0.0)
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
