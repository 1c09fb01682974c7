"""RobotEnv: the one gymnasium environment for any Robot, simulated, mocked or real."""

import contextlib
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from robot_mbrl.contract import Clock, ObservationLayout, Observer, Robot, RobotSpec, RobotState
from robot_mbrl.contract.arrays import FloatArray, check_finite, check_shape
from robot_mbrl.contract.errors import LinkError, SafetyError, SettingsError, SimulationError
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.contract.task import Task
from robot_mbrl.envs.env_state import EnvState, Restorable, restore_state, take_state
from robot_mbrl.onboard.home import go_home
from robot_mbrl.onboard.realtime import realtime_priority
from robot_mbrl.onboard.supervisor.safe_robot import SafeRobot
from robot_mbrl.onboard.timing.measured_observer import MeasuredObserver
from robot_mbrl.onboard.timing.pacing import Pacer, Period
from robot_mbrl.tasks import draw_goals, make_task

GOAL_BOUND = 100.0
PLACE = ("x_m", "y_m", "z_m")
ON_TIME = Period()


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


def place_of(spec: RobotSpec, goal: FloatArray) -> FloatArray | None:
    """The place (..., 3) in m that goals (..., G) of a robot's task are; None if they are none."""
    return goal if spec.task.goal == PLACE else None


@runtime_checkable
class Restartable(Protocol):
    """A robot that can be put in its initial state at will, as only simulated ones can."""

    def restart(self, rng: np.random.Generator) -> None:
        """Start anew, drawing from `rng`."""


class RobotEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A robot as an environment.

    `step` sends the action, waits for the next tick of an absolute grid, reads. `terminated` is the
    task's; the time limit, a lost link, a safety stop and simulated physics that blew up are
    `truncated`. A real robot is brought home by `reset`, a simulated one starts anew.

    `info` always has `device_time_s`, `fresh` (False for a sample that is bridged), `applied` (A,),
    `lateness_s`, `skipped` (periods left out), and `stop_reason` and `message`, empty unless the
    supervisor stopped the robot; in simulation also the `parameters` now in force.

    In simulation it can be copied (`copy.deepcopy`) and pickled, and `get_state` and `set_state`
    lead back to any moment.

    A real robot does not wait for whoever calls `step`: between two calls there is less than a
    period to think, as for a controller. Calls that come late are misses, see `docs/safety.md`, and
    stop with "deadline" as a controller does; learn between episodes. A simulated robot waits.

    Args:
        robot: the machine; only the supervisor inside sends to it.
        clock: its time.
        spec: its description.
        task: reward and goal; the one robot.toml names by default.
        episode_s: time limit; the task's by default.
        render_mode: "rgb_array" lets `render` draw the measured joints, "human" shows them after
            each step by itself; None by default.
        draw: makes the picture (height, width, 3) of joint positions (J,) in rad, or shows it. If
            the task's goal is a place, its second argument is where, (3,) in m.
        close_drawing: called by `close`.
        realtime: take real-time priority, where it is granted, within `reset` and `step`.
    """

    metadata = {"render_modes": ["rgb_array", "human"]}  # noqa: RUF012 - gymnasium's interface

    def __init__(
        self,
        robot: Robot,
        clock: Clock,
        spec: RobotSpec,
        *,
        task: Task | None = None,
        episode_s: float | None = None,
        render_mode: str | None = None,
        draw: Callable[..., np.ndarray | None] | None = None,
        close_drawing: Callable[[], None] | None = None,
        realtime: bool = False,
    ) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            expected = " or ".join(map(repr, modes))
            raise SettingsError(f"render_mode: expected None, {expected}, got {render_mode!r}")
        if render_mode == "human" and draw is None:
            raise SettingsError(
                "render_mode 'human' needs a draw function, such as sim.Viewer(spec).show"
            )
        self.robot_spec, self.clock = spec, clock
        self.metadata = type(self).metadata | {"render_fps": round(spec.control.rate_hz)}
        self.render_mode, self._draw, self._close_drawing = render_mode, draw, close_drawing
        self.layout = ObservationLayout.from_spec(spec)
        self.task = task or make_task(spec)
        self.observation_space = observation_space(spec)
        self.action_space = action_space(self.layout)
        self.safe = SafeRobot(robot, spec, clock)
        self.max_steps = round((episode_s or self.task.episode_s) * spec.control.rate_hz)
        self._restartable = robot if isinstance(robot, Restartable) else None
        self._observer = Observer(self.layout)
        self._measured = MeasuredObserver(self._observer)
        self._pacer = Pacer(clock, spec.control.dt)
        self._priority = realtime_priority if realtime else contextlib.nullcontext
        self._steps = 0
        self._running = False  # between a reset and the end of its episode
        self._state: RobotState | None = None  # the newest

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Bring the robot to its start; returns observation (O,) and info.

        The task's goal, if it has one, is drawn, or given by `options={"goal": (G,)}`. Resetting is
        the operator's consent to leave a latched stop; after a restart of the device it takes
        `options={"zeroed": True}`, see SafeRobot.reset.
        """
        super().reset(seed=seed, options=options)
        self._running = False
        zeroed = self._restartable is not None or bool((options or {}).get("zeroed"))
        self.safe.reset(zeroed=zeroed)
        if self._restartable:
            self._restartable.restart(np.random.default_rng(self.np_random.integers(2**63)))
        else:
            with self._priority():
                go_home(self.safe, self.clock, self.robot_spec)
        goal = self._goal(options or {})
        self._state = state = self.safe.arm()
        self._steps = 0
        self._pacer.start()
        obs = self._measured.reset(state, goal)
        self._running = True
        self._show()
        return obs.astype(np.float32), self._info(self.layout.hold(np.array(state.q_rad)))

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

        Returns observation (O,), reward, terminated, truncated, info. Raises gymnasium's
        ResetNeeded before the first `reset` and after the end of an episode.
        """
        if not self._running:
            raise ResetNeeded(
                "step: no episode is running; call reset() first, and after each one that ended"
            )
        applied = self.layout.hold(self._observer.q)  # where nothing is sent
        try:
            with self._priority():
                applied = self.safe.send(np.asarray(action, dtype=np.float64))
                period = self._pacer.wait()
                state = self.safe.read()
                self.safe.check_timing(period)
        except (SafetyError, LinkError, SimulationError) as error:
            return self._stopped(error, applied)
        self._state = state
        waited_s = (1 + period.skipped) * self.robot_spec.control.dt
        obs = self._measured.update(state, applied, waited_s)
        self._show()
        self._steps += 1
        reward = float(self.task.reward(obs, applied))
        terminated = bool(self.task.terminated(obs))
        truncated = self._steps >= self.max_steps and not terminated
        if terminated or truncated:
            self._running = False
            self.safe.disarm()
        info = self._info(applied, period)
        return obs.astype(np.float32), reward, terminated, truncated, info

    def _stopped(
        self, error: Exception, applied: FloatArray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """The last tick of an episode that cannot go on, its observation a guess."""
        self._running = False
        if isinstance(error, SimulationError):
            self.safe.stop(StopReason.NON_FINITE, str(error))
        reason = self.safe.reason or StopReason.LINK_LOST
        obs = self._measured.update(None, applied, self.robot_spec.control.dt)
        info = self._info(applied) | {"fresh": False}
        info |= {"stop_reason": reason.value, "message": str(error)}
        return obs.astype(np.float32), 0.0, False, True, info

    def _info(self, applied: FloatArray, period: Period = ON_TIME) -> dict[str, Any]:
        state = self._state
        info: dict[str, Any] = {
            "device_time_s": state.device_time_s if state else 0.0,
            "fresh": bool(state and state.fresh),
            "applied": applied,
            "lateness_s": period.lateness_s,
            "skipped": period.skipped,
            "stop_reason": "",
            "message": "",
        }
        parameters = getattr(self._restartable, "parameters", None)
        return info | ({"parameters": dict(parameters)} if parameters else {})

    def get_state(self) -> EnvState:
        """All that decides what comes next; `set_state` brings it back, to the same bits.

        For an environment of the same settings, in this process or another. Raises SettingsError
        for a real robot.
        """
        return take_state(self)

    def set_state(self, state: EnvState) -> None:
        """Go on from what `get_state` gave. Raises SettingsError for a real robot, DataError for
        the state of another environment."""
        restore_state(self, state)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles. Raises SettingsError for a real robot."""
        if not isinstance(self._restartable, Restorable):
            raise SettingsError("this environment holds a machine; only a simulated one is copied")
        return vars(self).copy()

    @property
    def place(self) -> FloatArray | None:
        """Where the robot is to go, (3,) in m; None for a goal that is no place."""
        return place_of(self.robot_spec, self._observer.goal)

    def _show(self) -> None:
        if self.render_mode == "human":
            self._picture()

    def render(self) -> np.ndarray | None:
        """The robot as last measured, (height, width, 3) of bytes; None unless render_mode is
        "rgb_array".

        Raises SettingsError when nothing was given that can draw.
        """
        return self._picture() if self.render_mode == "rgb_array" else None

    def _picture(self) -> np.ndarray | None:
        if self._draw is None:
            raise SettingsError(
                "render_mode 'rgb_array' needs a draw function, such as sim.Picture(spec).draw"
            )
        where = () if self.place is None else (self.place,)
        return self._draw(self._observer.q, *where)

    def close(self) -> None:
        """Stop and release the robot, close the window."""
        self.safe.close()
        if self._close_drawing:
            self._close_drawing()
