"""B randomized worlds as one gymnasium.vector.VectorEnv; no Python runs per world."""

import logging
from typing import Any, Self

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec
from robot_mbrl.contract.arrays import Parameters, check_finite, check_shape
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.parameters.variation import Variation
from robot_mbrl.contract.task import Task
from robot_mbrl.envs.robot_env import action_space, observation_space
from robot_mbrl.tasks import draw_goals, make_task
from sim.envs.generator_state import generator_array, generator_of
from sim.envs.parameter_schedule import ParameterSchedule
from sim.envs.prepared_worlds import PreparedWorlds
from sim.envs.start_anywhere import start_anywhere
from sim.envs.state_arrays import checked, part_of
from sim.laws.per_world import State
from sim.laws.sensor_faults import SensorFaults
from sim.worlds import make_worlds

logger = logging.getLogger(__name__)


class SimVecEnv(VectorEnv):
    """Simulated robots, each world with its own parameters, drawn when its variations say.

    Worlds reset in the step in which they end, `info["_final_obs"]` (B,) says which; the true last
    observation is `info["final_obs"]` (B, O), of the others the present one. `info` always has
    these two, `parameters` now in force, (B,) each, `applied` (B, A), what was done of the actions,
    and `unstable` (B,): worlds whose physics blew up. Those are truncated, with reward 0 and a
    guess for a last observation: nothing should be learned from it.

    It can be copied (`copy.deepcopy`) and pickled, at any moment.

    Args:
        spec: the robot.
        num_envs: B.
        variations: of the parameters that vary; the others stay nominal.
        seed: of the generator that draws parameters and sensor noise, until `reset(seed=...)`.
        episode_s: how long episodes are; by default as long as the task says.
        backend: the engine, see `sim.worlds.make_worlds`.
        threads: of MuJoCo, or processes of PyBullet; 0 takes one per core.
        task: reward and termination; by default that of robot.toml.
        anywhere: share of the worlds that start with wrapping joints at any angle, moving.

    Attributes:
        robot_spec: the robot.
        layout: of the observations.
        worlds: the engine.
        parameters: those now in force, by path (B,) each, as views.
        steps: how many ticks old each world's episode is, (B,).
        max_steps: how many ticks an episode has.

    Raises SettingsError for a backend that is unknown or not installed.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        spec: RobotSpec,
        num_envs: int,
        *,
        variations: dict[str, Variation],
        seed: int = 0,
        episode_s: float | None = None,
        backend: str = "mujoco",
        threads: int = 0,
        task: Task | None = None,
        anywhere: float = 0.0,
    ) -> None:
        self.closed = True  # nothing to close yet, should this raise
        self.robot_spec, self.num_envs, self.anywhere = spec, num_envs, anywhere
        self._made_of: dict[str, Any] = {
            "episode_s": episode_s,
            "backend": backend,
            "threads": threads,
            "task": task,
            "anywhere": anywhere,
            "seed": seed,
        }
        self._started = self._told = False
        self.layout = ObservationLayout.from_spec(spec)
        self.task = task or make_task(spec)
        self.single_observation_space = observation_space(spec)
        self.single_action_space = action_space(self.layout)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.worlds = make_worlds(spec, num_envs, backend=backend, threads=threads)
        self.max_steps = round((episode_s or self.task.episode_s) * spec.control.rate_hz)
        self.steps = np.zeros(num_envs, dtype=np.int64)
        self._table = np.zeros((len(spec.nominal), num_envs))
        self.parameters: Parameters = dict(zip(spec.nominal, self._table, strict=True))  # views
        self._observer = Observer(self.layout, (num_envs,))
        self._faults = SensorFaults(spec, num_envs) if SensorFaults.needed(spec.nominal) else None
        self._prepared = PreparedWorlds(
            self.worlds,
            self._draw,
            lambda: self.worlds.measure_prepared(self._rng),
            lambda size: draw_goals(self.task, self._rng, size),
            paths=list(spec.nominal),
            layout=self.layout,
            size=num_envs,
        )
        self._rng = np.random.default_rng(seed)
        # a generator of its own: what each world keeps for ever takes no draws from the others
        forever = self._rng.spawn(1)[0]
        self._schedule = ParameterSchedule(spec, variations, num_envs, forever)
        self.closed = False

    @property
    def generator_state(self) -> dict[str, Any]:
        """State of the random generator, for resuming."""
        return dict(self._rng.bit_generator.state)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Reset every world; `options={"parameters": {path: (B,)}}` sets parameters instead of
        drawing, and `{"goal": (B, G)}` or (G,) goals.

        Returns observations (B, O) and info. Raises SettingsError for a parameter that the robot
        lacks, SpecError for a latency longer than any that robot.toml names.
        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        given = (options or {}).get("parameters", {})
        unknown = sorted(set(given) - set(self.parameters))
        if unknown:
            known = ", ".join(self.parameters)
            raise SettingsError(f"options parameters: {unknown[0]!r} is unknown. Known: {known}")
        ids = np.arange(self.num_envs)
        drawn = self._schedule.keep_built(self._draw(self.num_envs), ids) | {
            p: np.broadcast_to(v, self.num_envs).astype(float) for p, v in given.items()
        }
        self.worlds.reset(drawn, ids)
        self._prepared.forget()
        self._table[:] = list(drawn.values())
        self._schedule.start(ids, self._rng, given)
        obs = self._first_observations(ids, (options or {}).get("goal"))
        self._started, shown = True, self._present(obs)
        none = np.zeros(self.num_envs, bool)
        return shown, self._info(self._observer.last_action, shown, none, none)

    def _first_observations(self, ids: np.ndarray, goal: Any = None) -> np.ndarray:
        self.steps[ids] = 0
        goals = draw_goals(self.task, self._rng, len(ids))
        if goal is not None:
            goals = np.broadcast_to(goal, (len(ids), len(self.layout.goal))).astype(float)
        q = self.worlds.measure(self._rng, ids)
        self._start_faults(q, ids)
        return self._observer.reset(q, ids, goals)

    def _start_faults(self, q: np.ndarray, ids: np.ndarray) -> None:
        if self._faults is not None:
            self._faults.set_parameters({p: v[ids] for p, v in self.parameters.items()}, ids)
            self._faults.start(q, ids)

    def _draw(self, size: int) -> Parameters:
        drawn = self._schedule.draw(self._rng, size)
        start_anywhere(drawn, self.robot_spec, self.anywhere, self._rng)
        return drawn

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Apply actions (B, A) for one control period.

        Returns observations (B, O), rewards (B,), terminated (B,), truncated (B,), info. Raises
        gymnasium's ResetNeeded before the first `reset`, ShapeError, NotFiniteError.
        """
        if not self._started:
            raise ResetNeeded("step: no episode is running; call reset() first")
        actions = np.asarray(actions, dtype=np.float64)
        check_shape("actions", actions, (self.num_envs, self.layout.action_size))
        check_finite("actions", actions)
        allowed = np.minimum(np.maximum(actions, -1.0), 1.0)
        actions = self.layout.slew(self._observer.last_action, allowed)
        self._redraw()
        self.worlds.step(actions, rng=self._rng)
        unstable = self.worlds.unstable()
        obs = self._observe(actions, unstable)
        self.steps += 1
        rewards = self.task.reward(obs, actions)
        terminated = self.task.terminated(obs)
        truncated = (self.steps >= self.max_steps) & ~terminated
        if unstable.any():
            self._tell(unstable)
            rewards = np.where(unstable, 0.0, rewards)
            terminated, truncated = terminated & ~unstable, truncated | unstable
        done = terminated | truncated
        last = shown = self._present(obs)
        (ids,) = done.nonzero()
        if len(ids):
            shown = self._present(self._renew(ids), ids)
        return shown, rewards, terminated, truncated, self._info(actions, last, done, unstable)

    def _tell(self, unstable: np.ndarray) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "robot %s: the physics of %d of %d simulated worlds blew up (NaN or huge numbers), "
                "they are truncated; more of it is told in info['unstable'] alone. Make "
                "physics_rate_hz higher, or look for extreme inertias, gains or parameters",
                self.robot_spec.name,
                int(unstable.sum()),
                self.num_envs,
            )

    def _present(self, obs: np.ndarray, ids: np.ndarray | None = None) -> Any:
        """What the caller gets of observations (B, O), of which those of worlds `ids` are new."""
        return obs.astype(np.float32)

    def set_ranges(self, variations: dict[str, Variation]) -> None:
        """Draw worlds that reset from now on from other ranges.

        Raises SettingsError unless the same parameters vary at the same times in the same groups.
        """
        self._schedule.set_ranges(variations)
        self._prepared.forget()

    def _redraw(self) -> None:
        """Draw what changes within an episode."""
        for redrawn in self._schedule.redraw(self.steps, self._rng):
            for path, values in redrawn.values.items():
                self.parameters[path][redrawn.ids] = values
            now = {path: values[redrawn.ids] for path, values in self.parameters.items()}
            self.worlds.change(now, redrawn.ids, redrawn.values)
            if self._faults is not None:
                self._faults.set_parameters(now, redrawn.ids)

    def _renew(self, ids: np.ndarray) -> np.ndarray:
        """Give worlds `ids` (n,) new parameters and their initial state; returns observations."""
        if self._schedule.built:  # a prepared world does not know whose place it will take
            drawn = self._schedule.keep_built(self._draw(len(ids)), ids)
            self.worlds.reset(drawn, ids)
            self._table[:, ids] = list(drawn.values())
            self._schedule.start(ids, self._rng)
            return self._first_observations(ids)
        rows = self._prepared.take(ids)
        self.steps[ids] = 0
        self._table[:, ids] = self._prepared.table[:, rows]
        self._schedule.start(ids, self._rng)
        self._start_faults(self._prepared.observer.q[rows], ids)
        return self._observer.take(self._prepared.observer, rows, ids)

    def _observe(self, actions: np.ndarray, unstable: np.ndarray) -> np.ndarray:
        q, fresh = self.worlds.measure(self._rng), None
        if self._faults is not None:
            q, fresh = self._faults.pass_on(q, self._rng)
        if unstable.any():
            fresh = ~unstable if fresh is None else fresh & ~unstable
        return self._observer.update(q, actions, fresh)

    def _info(
        self, applied: np.ndarray, last: Any, done: np.ndarray, unstable: np.ndarray
    ) -> dict[str, Any]:
        return {
            "applied": applied,
            "final_obs": last,
            "_final_obs": done,
            "unstable": unstable,
            "parameters": dict(zip(self.parameters, self._table.copy(), strict=True)),
        }

    def get_state(self) -> State:
        """All that decides what comes next: plain arrays by name, to be kept as safetensors.

        An environment of the same settings that gets it by `set_state` goes on with the same bits,
        also with another number of threads. Not before the first `reset`.
        """
        state: State = {f"observer.{name}": x for name, x in self._observer.get_state().items()}
        state |= {f"worlds.{name}": x for name, x in self.worlds.get_state().items()}
        state |= self._prepared.get_state() | self._schedule.get_state()
        state |= self._faults.get_state("faults.") if self._faults else {}
        state["parameters"], state["steps"] = self._table.copy(), self.steps.copy()
        state["generator"] = generator_array(self._rng)
        return state

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave. Raises DataError for that of another environment."""
        state = {"observer.unseen_s": np.zeros(self.num_envs)} | state  # old checkpoints lack it
        checked(state, self.get_state())
        self._started = True
        self._table[:], self.steps[:] = state["parameters"], state["steps"]
        parts = {group: part_of(state, group) for group in ("observer.", "worlds.")}
        self._observer.set_state(parts["observer."])
        self.worlds.set_state(parts["worlds."], self.parameters)
        self._prepared.set_state(state)
        self._schedule.set_state(state)
        if self._faults:
            self._faults.set_parameters(self.parameters, np.arange(self.num_envs))
            self._faults.set_state(state, "faults.")
        self._rng = generator_of(state["generator"])

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has an engine of its own. Raises RobotMbrlError for a closed one."""
        settings = self._made_of | {"variations": self._schedule.variations}
        state = self.get_state() if self._started else None
        spaces = (self.action_space, self.single_action_space)
        return type(self)._again, (self.robot_spec, self.num_envs, settings, state, spaces)

    @classmethod
    def _again(
        cls,
        spec: RobotSpec,
        num_envs: int,
        settings: dict[str, Any],
        state: State | None,
        spaces: tuple[Any, Any],
    ) -> Self:
        env = cls(spec, num_envs, **settings)
        env.action_space, env.single_action_space = spaces
        if state is not None:
            env.set_state(state)
        return env

    def close_extras(self, **kwargs: Any) -> None:
        """Release the engine; `close` calls this once."""
        self.worlds.close()
