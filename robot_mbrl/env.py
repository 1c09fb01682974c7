"""RobotEnv: the one gymnasium environment for any Robot, simulated, mocked or real."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np

from robot_mbrl.contract import Clock, ObservationLayout, Observer, Robot, RobotSpec, RobotState
from robot_mbrl.contract.checks import FloatArray, check_finite, check_shape
from robot_mbrl.contract.errors import DataError, LinkError, SafetyError
from robot_mbrl.onboard.home import go_home
from robot_mbrl.onboard.safety import SafeRobot
from robot_mbrl.tasks import Task, draw_goals, make_task

GOAL_BOUND = 100.0


def observation_space(spec: RobotSpec) -> gymnasium.spaces.Box:
    """Observations (O,), float32; finite bounds that only a broken robot leaves.

    Sines, cosines and actions within 1, positions within their limits and half a turn, velocities
    within ten times their limits.
    """
    bounds = {}
    for joint in spec.joints:
        low, high = joint.position_limit_rad
        bounds[f"{joint.name}.position"] = max(abs(low), abs(high)) + np.pi
        bounds[f"{joint.name}.velocity"] = 10 * joint.velocity_limit_rad_s
    bounds |= {f"goal.{name}": GOAL_BOUND for name in spec.task.goal}
    columns = ObservationLayout.from_spec(spec).columns
    edge = np.array([bounds.get(c.partition("[")[0], 1.0) for c in columns], dtype=np.float32)
    return gymnasium.spaces.Box(-edge, edge, dtype=np.float32)


def action_space(layout: ObservationLayout) -> gymnasium.spaces.Box:
    """Actions (A,) in [-1, 1], float32."""
    return gymnasium.spaces.Box(-1.0, 1.0, (layout.action_size,), dtype=np.float32)


@runtime_checkable
class Restartable(Protocol):
    """A robot that can be put in its initial state at will, as only simulated ones can."""

    def restart(self, rng: np.random.Generator) -> None:
        """Start anew, drawing from `rng`."""


class RobotEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A robot as an environment.

    `step` sends the action, waits for the next tick of an absolute grid, reads. `terminated` is the
    task's; the time limit, a lost link and a safety stop are `truncated`, the last two with
    `info["stop_reason"]`. A real robot is brought home by `reset`, a simulated one starts anew.

    Args:
        robot: the machine; only the supervisor inside sends to it.
        clock: its time.
        spec: its description.
        task: reward and goal; the one robot.toml names by default.
        episode_s: time limit; the task's by default.
        render_mode: "rgb_array" lets `render` draw the measured joints; None by default.
        draw: makes the picture (height, width, 3) of joint positions (J,) in rad.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - gymnasium's interface

    def __init__(
        self,
        robot: Robot,
        clock: Clock,
        spec: RobotSpec,
        *,
        task: Task | None = None,
        episode_s: float | None = None,
        render_mode: str | None = None,
        draw: Callable[[FloatArray], np.ndarray] | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise DataError(f"render_mode: expected None or 'rgb_array', got {render_mode!r}")
        self.robot, self.clock = spec, clock
        self.metadata = type(self).metadata | {"render_fps": round(spec.control.rate_hz)}
        self.render_mode, self._draw = render_mode, draw
        self.layout = ObservationLayout.from_spec(spec)
        self.task = task or make_task(spec)
        self.observation_space = observation_space(spec)
        self.action_space = action_space(self.layout)
        self.safe = SafeRobot(robot, spec, clock)
        self.max_steps = round((episode_s or self.task.episode_s) * spec.control.rate_hz)
        self._restartable = robot if isinstance(robot, Restartable) else None
        self._observer = Observer(self.layout)
        self._steps = 0
        self._next_s = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Bring the robot to its start; returns observation (O,) and info.

        The task's goal, if it has one, is drawn, or given by `options={"goal": (G,)}`. Resetting is
        the operator's consent to leave a latched stop.
        """
        super().reset(seed=seed, options=options)
        self.safe.reset()
        if self._restartable:
            self._restartable.restart(np.random.default_rng(self.np_random.integers(2**63)))
        else:
            go_home(self.safe, self.clock, self.robot)
        state = self.safe.arm()
        self._steps, self._next_s = 0, self.clock.now()
        obs = self._observer.reset(np.array(state.q_rad), goal=self._goal(options or {}))
        return obs.astype(np.float32), self._info(state)

    def _goal(self, options: dict[str, Any]) -> FloatArray | None:
        drawn = draw_goals(self.task, self.np_random, 1)
        given = options.get("goal")
        if given is None:
            return None if drawn is None else drawn[0]
        goal = np.asarray(given, dtype=np.float64)
        check_shape("goal", goal, (len(self.layout.goal),))
        check_finite("goal", goal)
        return goal

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Drive for one tick with an action (A,) in [-1, 1].

        Returns observation (O,), reward, terminated, truncated, info.
        """
        applied = np.zeros(self.layout.action_size)
        try:
            applied = self.safe.send(np.asarray(action, dtype=np.float64))
            self._next_s += self.robot.control.dt
            lateness_s = self.clock.wait_until(self._next_s)
            state = self.safe.read()
        except (SafetyError, LinkError) as error:
            obs = self._observer.update(None, applied)
            reason = self.safe.reason.value if self.safe.reason else "link_lost"
            info = {"stop_reason": reason, "message": str(error)}
            return obs.astype(np.float32), 0.0, False, True, info
        obs = self._observer.update(state.q_rad if state.fresh else None, applied)
        self._steps += 1
        reward = float(self.task.reward(obs, applied))
        terminated = bool(self.task.terminated(obs))
        truncated = self._steps >= self.max_steps and not terminated
        if terminated or truncated:
            self.safe.disarm()
        info = self._info(state) | {"applied": applied, "lateness_s": lateness_s}
        return obs.astype(np.float32), reward, terminated, truncated, info

    def _info(self, state: RobotState) -> dict[str, Any]:
        info: dict[str, Any] = {"device_time_s": state.device_time_s, "fresh": state.fresh}
        parameters = getattr(self._restartable, "parameters", None)
        return info | ({"parameters": dict(parameters)} if parameters else {})

    def render(self) -> np.ndarray | None:
        """The robot as last measured, (height, width, 3) of bytes; None without a render_mode.

        Raises DataError when nothing was given that can draw.
        """
        if self.render_mode is None:
            return None
        if self._draw is None:
            raise DataError(
                "render_mode 'rgb_array' needs a draw function, such as sim.Picture(spec).draw"
            )
        return self._draw(self._observer.q)

    def close(self) -> None:
        """Stop and release the robot."""
        self.safe.close()
