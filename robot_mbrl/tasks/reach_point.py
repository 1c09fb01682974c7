"""Bring a point of the robot to a point in space, another one in every episode, and hold it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.urdf.chain import Chain

GOAL = ("x_m", "y_m", "z_m")
TRIES = 32  # poses drawn for each goal; one of them is surely above `lowest_m`


@dataclass(frozen=True)
class ReachPoint:
    """Needs `[task] goal = ["x_m", "y_m", "z_m"]`, in the frame of the URDF's base, and the name of
    the `tip`, a link.

    With d the distance of the tip from its goal, where the measured joints and the URDF put it, w^2
    the mean square of the joint velocities and c the mean square of the last change of the commands
    in units of what is possible in a tick, the reward is

        r = .5 / (1 + (d / .1 m)^2) + .5 exp(-2 (d / tolerance)^2 - w^2) - .02 c

    The first term calls from afar, the second is had at rest in place, well inside the tolerance.
    Never terminates.

    Attributes:
        layout: of the observation.
        chain: to the tip.
        low_rad, high_rad: joint poses that goals are drawn from, (J,); in m of a slider.
        tolerance_m: at the goal is within this.
        lowest_m: no goal lies below this height over the base's origin.
    """

    layout: ObservationLayout
    chain: Chain
    low_rad: FloatArray
    high_rad: FloatArray
    tolerance_m: float = 0.02
    lowest_m: float = 0.03
    hold_s: float = 1.0
    episode_s: float = 5.0

    @classmethod
    def from_spec(
        cls,
        spec: RobotSpec,
        layout: ObservationLayout,
        *,
        share_of_range: float = 0.9,
        **settings: float,
    ) -> "ReachPoint":
        """The task of a robot.

        Args:
            spec: the robot.
            layout: of the observation.
            share_of_range: of each joint's range, about its middle, that goals are drawn from.
            settings: the attributes above.

        Raises SpecError without that link, range or goal.
        """
        if layout.goal != tuple(f"goal.{name}" for name in GOAL):
            raise SpecError(f"expected [task] goal = {list(GOAL)}, got {list(spec.task.goal)}")
        if not 0 < share_of_range <= 1:
            raise SpecError(f"share_of_range: expected more than 0, up to 1, got {share_of_range}")
        limits = np.array([j.position_limit_rad for j in spec.joints])
        turning = np.array([[j.kind == "hinge"] for j in spec.joints])
        # a wrapping joint has no others
        limits = np.where(turning, np.clip(limits, -np.pi, np.pi), limits)
        middle, half = limits.mean(1), share_of_range * np.ptp(limits, axis=1) / 2
        chain = Chain.to_link(spec.urdf, spec.task.tip, layout.joints)
        return cls(layout, chain, middle - half, middle + half, **settings)

    def draw_goals(self, rng: np.random.Generator, size: int) -> FloatArray:
        """Goals (size, 3): where the tip is in random poses, not below `lowest_m`."""
        q = rng.uniform(self.low_rad, self.high_rad, (size, TRIES, len(self.low_rad)))
        slides = np.isin(np.arange(q.shape[-1]), list(self.chain.slides))
        points: FloatArray = self.chain.locate(np.where(slides, q, np.sin(q)), np.cos(q))
        fit = points[..., 2] >= self.lowest_m
        first = np.where(fit.any(1), fit.argmax(1), points[..., 2].argmax(1))
        chosen: FloatArray = points[np.arange(size), first]
        return chosen

    def tip(self, obs: Any, xp: Any = np) -> Any:
        """The place of the tip (..., 3) in m, in observations (..., O)."""
        return self.chain.locate(*self._sines(obs, xp), xp)

    def offset(self, obs: Any, xp: Any = np) -> Any:
        """The way from the tip to its goal (..., 3) in m."""
        return obs[..., self.layout.size - len(GOAL) :] - self.tip(obs, xp)

    def features(self, obs: Any, xp: Any = np) -> Any:
        """Columns (..., 3 + K) that policy and value see beside the observation.

        The way to go, and which way each joint helps: J' e / (|e| + tolerance), which keeps its
        size until the goal is near. The networks need not learn the robot's geometry.
        """
        sines, cosines = self._sines(obs, xp)
        e = self.offset(obs, xp)
        far = xp.sqrt((e**2).sum(-1) + 1e-8)[..., None]
        pull = self.chain.pull(sines, cosines, e / (far + self.tolerance_m), xp)
        return xp.concatenate([e, pull], -1)

    def _sines(self, obs: Any, xp: Any) -> tuple[Any, Any]:
        """sin q and cos q (..., J); of a joint that slides, q itself for the sine."""
        if not any(self.layout.wraps) and not self.chain.slides:
            angles = obs[..., : len(self.layout.wraps)]
            return xp.sin(angles), xp.cos(angles)
        sines, cosines, at = [], [], 0
        for joint, wraps in enumerate(self.layout.wraps):
            if wraps:
                sines.append(obs[..., at])
                cosines.append(obs[..., at + 1])
            else:
                slides = joint in self.chain.slides
                sines.append(obs[..., at] if slides else xp.sin(obs[..., at]))
                cosines.append(xp.cos(obs[..., at]))
            at += 1 + wraps
        return xp.stack(sines, -1), xp.stack(cosines, -1)

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,) of reaching next_obs (..., O) by action (..., A)."""
        d2 = (self.offset(next_obs, xp) ** 2).sum(-1)
        w2 = (self.layout.velocities(next_obs) ** 2).mean(-1)
        there = xp.exp(-2 * d2 / self.tolerance_m**2 - w2)
        return 0.5 / (1 + d2 / 0.1**2) + 0.5 * there - 0.02 * self._change(next_obs, xp)

    def _change(self, obs: Any, xp: Any) -> Any:
        """Mean square of the newest change of the commands, (...,); 0 without their history."""
        m, a = len(self.layout.block), self.layout.action_size
        if self.layout.action_history < 2 or not self.layout.slewed:
            return 0.0
        change = obs[..., m : m + a] - obs[..., m + a : m + 2 * a]
        step = xp.asarray(self.layout.action_step, dtype=obs.dtype)
        return ((change / step) ** 2).mean(-1)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """False (...,): an episode never terminates."""
        return next_obs[..., 0] > np.inf

    def at_goal(self, obs: Any) -> Any:
        """True (...,) where the tip is within the tolerance."""
        return (self.offset(obs) ** 2).sum(-1) <= self.tolerance_m**2
