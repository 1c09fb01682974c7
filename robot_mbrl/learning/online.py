"""Learning from scratch: one environment, no simulator, few steps. Any agent.

random steps -> each step: act, observe, let the agent improve (MBPO: SAC updates on real and
                imagined rows, Janner et al. 2019, algorithm 2; PETS plans and has nothing to do)
             -> every `fit_every` steps, and on drift: refit the ensemble of an agent that has one

With a folder a killed run goes on from its checkpoint to the same numbers: agent and loop are
saved, the environment is rewound (envs/rewind.py).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robot_mbrl.agents.agent import Agent, ModelAgent
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.envs.rewind import Start, begin, mark, next_start, rewind, start_with
from robot_mbrl.learning.model_fits import ModelFits, ModelFitsConfig
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.models.judging.fresh_error import DriftConfig
from robot_mbrl.models.learned_task import LearnedTask, RewardFitConfig
from robot_mbrl.runs.checkpoint import load_checkpoint, save_checkpoint
from robot_mbrl.runs.run_folder import CHECKPOINT, RunFolder
from robot_mbrl.runs.run_head import files_fit

Evaluate = Callable[[int], dict[str, float]]
PLAIN = ("done", "cpu_s", "start", "sent", "marks", "earned")
"""what of the loop is plain numbers, lists and texts"""


@dataclass(frozen=True)
class OnlineConfig:
    """Settings of learning from scratch."""

    steps: int = 2000
    """environment steps in all, the random ones included"""
    warmup: int = 200
    """steps under correlated noise before anything is learned"""
    updates_per_step: int = 20
    """gradient steps after each environment step; for agents that learn more than a model"""
    fit_every: int = 100
    """steps between fits of the ensemble"""
    holdout: float = 0.2
    """share of transitions by which the ensemble is evaluated, and never fitted"""
    holdout_ticks: int = 1
    """consecutive transitions held out together; an agent whose schedule follows its model's error
    over k ticks needs at least k"""
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

    @property
    def model_fits(self) -> ModelFitsConfig:
        """What concerns the ensemble."""
        return ModelFitsConfig(
            self.fit_every,
            self.holdout,
            self.holdout_ticks,
            self.drift,
            self.fit,
            self.reward_fit,
        )


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

    Raises SettingsError when the agent evaluates its model over more ticks than are held out
    together.
    """

    def __init__(
        self,
        env: Any,
        agent: Agent,
        config: OnlineConfig,
        evaluate: Evaluate,
        seed: int,
        folder: RunFolder | None = None,
    ) -> None:
        self.env, self.agent, self.config, self.evaluate = env, agent, config, evaluate
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        self.fits: ModelFits | None = None
        if isinstance(agent, ModelAgent):
            self.fits = ModelFits(agent, config.model_fits, config.steps, self.rng)
        self.noise = np.zeros((1, agent.layout.action_size))
        self.done, self.cpu_s = 0, 0.0
        self.evaluations, self.trials = list[dict[str, float]](), list[dict[str, float]]()
        self._begin_episode(start_with(seed))

    def run(self, progress: Callable[[int, int, dict[str, float]], None]) -> OnlineReport:
        """Spend every step that is left; returns what happened."""
        config = self.config
        numbers: dict[str, float] = {}
        if self.folder and self.folder.has(CHECKPOINT):
            self._load(self.folder)
        while self.done < config.steps:
            began_s = time.process_time()
            self._learn_one_step()
            self.done += 1
            self.cpu_s += time.process_time() - began_s
            if self.done % config.evaluate_every == 0 or self.done == config.steps:
                numbers = self.evaluate(self.done)
                costs = {"steps": float(self.done), "cpu_s": self.cpu_s}
                self.evaluations.append(costs | numbers)
            if self.folder and self.done % config.checkpoint_every == 0:
                save_checkpoint(self.folder, self.agent, self._state())
            progress(self.done, config.steps, numbers)
        return self.report

    @property
    def report(self) -> OnlineReport:
        """What happened so far."""
        fits = self.fits.report if self.fits else None
        losses, drifts = (fits.holdout_nll, fits.drifts) if fits else ([], [])
        return OnlineReport(self.evaluations, losses, self.trials, drifts)

    def held_out(self) -> Transitions:
        """The real transitions that no model was fitted to. Raises SettingsError for an agent
        without a model."""
        if self.fits is None:
            raise SettingsError(f"{type(self.agent).__name__} has no model, and holds nothing out")
        return self.fits.held_out()

    def _learn_one_step(self) -> None:
        """Act, and learn once the random steps are over."""
        agent, step = self.agent, self.done - self.config.warmup
        if step == 0:
            agent.warmed_up()
        if step >= 0 and self.fits:
            self.fits.fit_by_schedule(step)
        self.noise = correlated_noise(self.noise, self.rng)
        action = agent.explore(self.obs[None])[0] if step >= 0 else self.noise[0].clip(-1, 1)
        self._step(action.astype(np.float32))
        if step >= 0:
            if self.fits:
                self.fits.fit_on_drift()
            agent.set_progress(self.done / self.config.steps)
            agent.improve(step, self.config.updates_per_step)

    def _begin_episode(self, start: Start) -> None:
        self.agent.begin_episode()
        self.start, self.sent, self.earned = start, list[list[float]](), 0.0
        self.obs = np.asarray(begin(self.env, start), dtype=np.float32)
        self.marks = [mark(self.obs)]

    def _step(self, action: np.ndarray) -> None:
        """One environment step, observed; a time limit is no termination."""
        task = self.agent.task
        self.sent.append(action.tolist())
        result: tuple[Any, ...] = self.env.step(action)
        next_obs, ended, truncated = np.asarray(result[0], np.float32), result[2], result[3]
        reward = float(result[1])
        action = np.asarray(result[4].get("applied", action), np.float32)  # a supervisor may cut it
        self.earned += reward
        if not isinstance(task, LearnedTask):
            reward = task.reward(next_obs.astype(np.float64), action)
        self.agent.observe(
            Transitions(
                self.obs[None],
                action[None],
                next_obs[None],
                np.array([reward], np.float32),
                np.array([ended]),
            ),
            np.array([truncated]),
        )
        if self.fits:
            self.fits.hold_out(self.done)
        self.obs = next_obs
        self.marks.append(mark(next_obs))
        if ended or truncated:
            self.trials.append({"steps": self.done + 1.0, "return": self.earned})
            self._begin_episode(next_start(self.env))

    def _state(self) -> dict[str, Any]:
        """The loop's own part of a checkpoint."""
        return {name: getattr(self, name) for name in PLAIN} | {
            "evaluations": self.evaluations,
            "trials": self.trials,
            "fits": self.fits.get_state() if self.fits else None,
            "generator": self.rng.bit_generator.state,
            "noise": self.noise.tolist(),
            "obs": self.obs.tolist(),
        }

    def _load(self, folder: RunFolder) -> None:
        """Put agent, loop and environment back."""
        state = load_checkpoint(folder, self.agent)
        with files_fit(folder.path):
            for name in PLAIN:
                setattr(self, name, state[name])
            self.evaluations, self.trials = state["evaluations"], state["trials"]
            if self.fits:
                self.fits.set_state(state["fits"])
            self.rng.bit_generator.state = state["generator"]
            self.noise, self.obs = np.array(state["noise"]), np.array(state["obs"], np.float32)
        rewind(self.env, self.start, self.sent, self.marks)
