"""Learning from scratch: one environment, no simulator, few steps. MBPO or PETS.

random steps -> each step: act, store, let the agent improve (MBPO: SAC updates on real and
                imagined rows, Janner et al. 2019, algorithm 2; PETS plans and has nothing to do)
             -> every `fit_every` steps, and on drift: refit the ensemble, tell the agent

With a folder a killed run goes on from its checkpoint to the same numbers: agent and loop are
saved, the environment is rewound (rewind.py).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from robot_mbrl.agents.mbpo import Policy
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.data.buffer_segments import linked_segments
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.envs.rewind import Start, begin, next_start, rewind, start_with
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig, Source, fit_ensemble, fit_normalizers
from robot_mbrl.models.judging.fresh_error import DriftConfig, has_drifted, one_step_error
from robot_mbrl.models.learned_task import LearnedTask, RewardFitConfig
from robot_mbrl.runs.checkpoint import load_learner, save_learner
from robot_mbrl.runs.run_folder import CHECKPOINT, RunFolder

Evaluate = Callable[[int], dict[str, float]]
# what of the loop is plain numbers, lists and texts
PLAIN = ("done", "cpu_s", "fitted_at", "looked_at", "looks", "start", "sent", "earned")


@dataclass(frozen=True)
class OnlineConfig:
    """Settings of learning from scratch."""

    steps: int = 2000
    """environment steps in all, the random ones included"""
    warmup: int = 200
    """steps under correlated noise before anything is learned"""
    updates_per_step: int = 20
    """SAC updates after each environment step; for agents that have a policy"""
    fit_every: int = 100
    """steps between fits of the ensemble"""
    holdout: float = 0.2
    """share of transitions by which the ensemble is judged, and never fitted"""
    holdout_stretch: int = 1
    """consecutive transitions held out together; an agent that trusts its model by the error over k
    ticks needs stretches of at least k"""
    drift: DriftConfig = field(default_factory=DriftConfig)
    """fits before their time"""
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(steps=600, check_every=50, patience=4, elites=4)
    )
    """each fit, from the last one's weights"""
    reward_fit: RewardFitConfig = field(default_factory=RewardFitConfig)
    """each fit of reward and termination, for an agent whose task is learned"""
    evaluate_every: int = 500
    """steps between evaluations"""
    checkpoint_every: int = 100
    """steps between checkpoints, for a run with a folder"""


class OnlineAgent(Protocol):
    """What learns; `Mbpo` and `Pets` are such agents."""

    layout: Layout
    task: Any
    model: DynamicsEnsemble
    real: ReplayBuffer

    @property
    def judged_ticks(self) -> int:
        """Least length of held-out segments that `model_fitted` needs."""

    def begin_episode(self) -> None:
        """The environment was reset."""

    def explore(self, obs: np.ndarray) -> np.ndarray:
        """Actions (B, A) that collect data, for observations (B, O)."""

    def model_fitted(self, data: Transitions, held: Sequence[Segment]) -> None:
        """The model was fitted anew to all real transitions but the held-out segments."""

    def improve(self, step: int, updates: int) -> None:
        """Learn something else after step `step` since the first fit."""

    def policy(self) -> Policy:
        """What is evaluated, for one episode of B environments."""


@dataclass(frozen=True)
class OnlineReport:
    """What happened.

    Attributes:
        evaluations: one record for each, with "steps" and the CPU seconds "cpu_s" that they took,
            evaluations apart.
        holdout_nll: loss on held-out rows, mean over members, after each fit.
        trials: one record for each finished episode: "steps" at its end and "return", the
            environment's own; those within the first `warmup` steps are random.
        drifts: one record for each fit before its time: "steps", "error" on fresh rows, and "usual"
            before, in residual spreads.
    """

    evaluations: list[dict[str, float]]
    holdout_nll: list[float]
    trials: list[dict[str, float]]
    drifts: list[dict[str, float]]


class OnlineLearning:
    """One run of an agent in one environment.

    Args:
        env: a gymnasium environment with actions in [-1, 1].
        agent: what learns; its task rewards real and imagined transitions alike. A LearnedTask is
            fitted with the model to the environment's own rewards and terminations, and then only
            imagined transitions are rewarded by it.
        config: settings.
        evaluate: environment steps -> numbers; called when the agent is as it then is.
        seed: of the environment and of the held-out rows.
        folder: where checkpoints go; one that is there is continued.

    Raises SpecError when the agent judges its model over more ticks than are held out together.
    """

    def __init__(
        self,
        env: Any,
        agent: OnlineAgent,
        config: OnlineConfig,
        evaluate: Evaluate,
        seed: int,
        folder: RunFolder | None = None,
    ) -> None:
        if agent.judged_ticks > config.holdout_stretch:
            raise SpecError(
                f"holdout_stretch: {config.holdout_stretch}, but the agent trusts its model by the "
                f"error over {agent.judged_ticks} ticks; hold out stretches of at least as many"
            )
        self.env, self.agent, self.config, self.evaluate = env, agent, config, evaluate
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        self.noise = np.zeros((1, agent.layout.action_size))
        self.held = np.zeros(config.steps, dtype=bool)
        self.done, self.fitted_at, self.looked_at = 0, 0, 0
        self.cpu_s, self.looks = 0.0, list[float]()
        self.report = OnlineReport([], [], [], [])
        self._begin_episode(start_with(seed))

    def run(self, progress: Callable[[int, int, dict[str, float]], None]) -> OnlineReport:
        """Spend every step that is left; returns what happened."""
        config, agent = self.config, self.agent
        numbers: dict[str, float] = {}
        if self.folder and (self.folder.path / CHECKPOINT).exists():
            self._load(self.folder)
        while self.done < config.steps:
            step, began_s = self.done, time.process_time()
            learning = step >= config.warmup
            if learning and (step - config.warmup) % config.fit_every == 0:
                self._fit()
            self.noise = correlated_noise(self.noise, self.rng)
            action = agent.explore(self.obs[None])[0] if learning else self.noise[0].clip(-1, 1)
            self._step(action.astype(np.float32))
            if learning:
                self._look()
                agent.improve(step - config.warmup, config.updates_per_step)
            self.done += 1
            self.cpu_s += time.process_time() - began_s
            if self.done % config.evaluate_every == 0 or self.done == config.steps:
                numbers = self.evaluate(self.done)
                costs = {"steps": float(self.done), "cpu_s": self.cpu_s}
                self.report.evaluations.append(costs | numbers)
            if self.folder and self.done % config.checkpoint_every == 0:
                save_learner(self.folder, agent, self._state())
            progress(self.done, config.steps, numbers)
        return self.report

    def held_out(self) -> Transitions:
        """The real transitions that no model was fitted to."""
        data = self.agent.real.all()
        return data.take(np.flatnonzero(self.held[: len(data)]))

    def _begin_episode(self, start: Start) -> None:
        self.agent.begin_episode()
        self.start, self.sent, self.earned = start, list[list[float]](), 0.0
        self.obs = np.asarray(begin(self.env, start), dtype=np.float32)

    def _step(self, action: np.ndarray) -> None:
        """One environment step into the real buffer; a time limit is no termination."""
        agent = self.agent
        self.sent.append(action.tolist())
        result: tuple[Any, ...] = self.env.step(action)
        next_obs, ended, truncated = np.asarray(result[0], np.float32), result[2], result[3]
        reward = float(result[1])
        action = np.asarray(result[4].get("applied", action), np.float32)  # a supervisor may cut it
        self.earned += reward
        if not isinstance(agent.task, LearnedTask):
            reward = agent.task.reward(next_obs.astype(np.float64), action)
        agent.real.add(
            Transitions(
                self.obs[None],
                action[None],
                next_obs[None],
                np.array([reward], np.float32),
                np.array([ended]),
            )
        )
        row = len(agent.real) - 1
        self._hold_out(row)
        self.obs = next_obs
        if ended or truncated:
            self.report.trials.append({"steps": row + 1.0, "return": self.earned})
            self._begin_episode(next_start(self.env))

    def _hold_out(self, row: int) -> None:
        """Draw whether a row is held out, or which stretch of the group that begins with it."""
        share, length = self.config.holdout, self.config.holdout_stretch
        if length == 1:
            self.held[row] = self.rng.uniform() < share
            return
        group = round(1 / share)  # one of each group: of few, chance might leave none
        if row % (group * length) == 0:
            first = row + length * int(self.rng.integers(group))
            self.held[first : first + length] = True

    def _look(self) -> None:
        """Refit at once where fresh rows are predicted worse than usual."""
        drift, rows = self.config.drift, len(self.agent.real)
        if math.isinf(drift.ratio) or rows - self.looked_at < drift.rows:
            return
        fresh = self.agent.real.all().take(slice(self.looked_at, None))
        error, self.looked_at = one_step_error(self.agent.model, fresh), rows
        if has_drifted(error, self.looks, drift):
            usual = float(np.mean(self.looks[-drift.memory :]))
            self.report.drifts.append({"steps": float(rows), "error": error, "usual": usual})
            self._fit()
        self.looks.append(error)

    def _fit(self) -> None:
        """Refit normalizers and ensemble to everything real, unless that was just done."""
        agent, data = self.agent, self.agent.real.all()
        if self.fitted_at == len(data):
            return
        self.fitted_at = self.looked_at = len(data)
        held = self.held[: len(data)]
        train, holdout = data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
        if isinstance(agent.task, LearnedTask):
            agent.task.fit(train, holdout, self.config.reward_fit, self.rng)
        fit_normalizers(agent.model, train)
        report = fit_ensemble(agent.model, [Source(train, 1.0)], holdout, self.config.fit, self.rng)
        agent.model_fitted(data, linked_segments(data, held))
        self.report.holdout_nll.append(float(report.holdout_nll.mean()))

    def _state(self) -> dict[str, Any]:
        """The loop's own part of a checkpoint."""
        return {name: getattr(self, name) for name in PLAIN} | {
            "report": asdict(self.report),
            "held": np.flatnonzero(self.held).tolist(),
            "generator": self.rng.bit_generator.state,
            "noise": self.noise.tolist(),
            "obs": self.obs.tolist(),
        }

    def _load(self, folder: RunFolder) -> None:
        """Put agent, loop and environment back."""
        state = load_learner(folder, self.agent)
        for name in PLAIN:
            setattr(self, name, state[name])
        self.report = OnlineReport(**state["report"])
        self.held[state["held"]] = True
        self.rng.bit_generator.state = state["generator"]
        self.noise, self.obs = np.array(state["noise"]), np.array(state["obs"], np.float32)
        episode = self.agent.real.all().obs[self.done - len(self.sent) : self.done]
        rewind(self.env, self.start, self.sent, np.concatenate([episode, self.obs[None]]))
