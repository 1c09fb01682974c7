"""Pretraining: an agent against randomized simulation, where real (that is: simulated) steps are
cheap.

`pretrain` is the whole procedure, into a run folder that it continues after a kill.
"""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from robot_mbrl.agents.agent import AgentConfig, with_model
from robot_mbrl.agents.registry import AGENTS, default_config, make_agent
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError, check_range
from robot_mbrl.contract.files.folder_lock import FolderLock
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.envs.episodes import evaluate
from robot_mbrl.envs.unlearned import UnlearnedReport, evaluate_unlearned
from robot_mbrl.learning.adaptive_ranges import (
    AutomaticConfig,
    AutomaticRanges,
    without_randomization,
)
from robot_mbrl.learning.false_stops import calibrate_alarms, surprises_in
from robot_mbrl.models.fitting.fit import (
    FitConfig,
    FitReport,
    Source,
    fit_ensemble,
    fit_normalizers,
)
from robot_mbrl.networks.policy_view import TaskPolicyView
from robot_mbrl.runs.agent_state import agent_config, create_run, named_settings, save_agent
from robot_mbrl.runs.checkpoint import load_checkpoint, save_checkpoint
from robot_mbrl.runs.replay_file import Subsample
from robot_mbrl.runs.run_folder import CHECKPOINT, STATE, THRESHOLDS, RunFolder
from robot_mbrl.runs.run_head import files_fit, read_head
from robot_mbrl.runs.same_settings import check_unchanged, differences
from robot_mbrl.runs.scalars import ScalarRunFolder
from robot_mbrl.runs.settings import from_dict

RANGES = "ranges.json"
Progress = Callable[[str, int, int, dict[str, float]], None]
MakeEnv = Callable[..., Any]


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of pretraining."""

    num_envs: int = 256
    """simulated worlds stepped together"""
    updates: int = 24_000
    """gradient steps of the agent"""
    updates_per_step: int = 8
    """updates after each step of all worlds"""
    warmup_steps: int = 8_000
    """transitions under correlated noise before the first update"""
    anywhere: float = 0.6
    """share of resets that start with wrapping joints at any angle and speed"""
    episode_s: float = 7.0
    """length of a training episode"""
    checkpoint_every: int = 6_000
    """updates between checkpoints; a killed run resumes from the last one to the same numbers"""
    evaluation_worlds: int = 64
    """unseen worlds of the evaluation at each checkpoint"""
    alarm_worlds: int = 256
    """worlds in which the supervisor's thresholds are calibrated, one episode each"""
    model_holdout: float = 0.05
    """share of transitions held out when the ensemble is fitted"""
    backend: Literal["mujoco", "pybullet"] = "mujoco"
    """engine of the worlds, also of those of the evaluation"""
    randomization: Literal["fixed", "none", "automatic"] = "fixed"
    """worlds of training: as [randomization] says, the nominal one, or ranges that adapt"""
    automatic: AutomaticConfig = field(default_factory=AutomaticConfig)
    """of randomization automatic"""
    kept_transitions: int = 50_000
    """simulated transitions that the finished run keeps, about: the whole history of some worlds"""
    agent: AgentConfig = field(default_factory=lambda: default_config("simulation"))
    """the agent"""
    fit: FitConfig = field(default_factory=FitConfig)
    """the ensemble's fit"""
    seed: int = 0
    """of every generator"""

    def __post_init__(self) -> None:
        check_range(self, 1, 1_000_000, "num_envs", "evaluation_worlds", "alarm_worlds")
        check_range(self, 1, 1e9, "updates", "updates_per_step", "checkpoint_every")
        check_range(self, 1, 1e9, "warmup_steps", "kept_transitions")
        check_range(self, 0, 1, "anywhere", "model_holdout")
        check_range(self, 1e-3, 3600, "episode_s")

    @property
    def capacity(self) -> int:
        """Transitions that pretraining makes in all."""
        steps = self.updates // self.updates_per_step + 2
        return self.warmup_steps + (steps + 1) * self.num_envs

    def to_json(self) -> dict[str, Any]:
        """What config.json says of pretraining; the agent's settings have a place of their own."""
        values = dataclasses.asdict(self)
        del values["agent"]
        return values


@dataclass(frozen=True)
class PretrainReport:
    """What pretraining reached: the last evaluation of the policy alone, the model's fit, and, if
    the policy had no success, what the same worlds are worth to who has learned nothing."""

    evaluation: dict[str, float]
    fit: FitReport
    transitions: int
    unlearned: UnlearnedReport | None = None

    @property
    def learned(self) -> bool:
        """Whether the policy had any success, or beats doing nothing and random actions."""
        return self.unlearned is None or self.unlearned.beaten_by(self.evaluation["return"])

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "learned": self.learned,
            "evaluation": self.evaluation,
            "transitions": self.transitions,
            "holdout_nll": self.fit.holdout_nll,
        }


class Pretraining:
    """One pretraining run that can be stopped and continued.

    Args:
        spec: the robot.
        make_env: `make_env(spec, num_envs, backend=..., seed=..., **settings)` -> vector
            environment.
        config: settings.
        folder: where the run lives; an unfinished one there is continued.
    """

    def __init__(
        self, spec: RobotSpec, make_env: MakeEnv, config: PretrainConfig, folder: RunFolder
    ) -> None:
        self.spec, self.config, self.folder = spec, config, folder
        self.make_env: MakeEnv = partial(make_env, backend=config.backend)
        chosen = config.randomization
        self.ranges = AutomaticRanges(spec, config.automatic) if chosen == "automatic" else None
        self.env = self.make_env(
            self._training_spec(),
            config.num_envs,
            seed=config.seed,
            anywhere=config.anywhere,
            episode_s=config.episode_s,
        )
        self.task = self.env.task
        self.view = TaskPolicyView(self.env.layout, self.task)
        self.agent = with_model(
            make_agent(self.env.layout, self.task, config.agent, config.capacity, config.seed)
        )
        self.done = 0
        self.evaluation: dict[str, float] = {}
        self._obs = np.zeros(0, dtype=np.float32)
        self._noise = np.zeros((config.num_envs, self.env.layout.action_size))
        self._set_ranges()

    def _training_spec(self) -> RobotSpec:
        """The robot in the worlds of training; it is evaluated in those of [randomization]."""
        if self.ranges is not None:
            return self.ranges.widest_spec
        if self.config.randomization == "none":
            return dataclasses.replace(self.spec, randomization=without_randomization(self.spec))
        return self.spec

    def _set_ranges(self) -> None:
        if self.ranges is not None:
            self.env.set_ranges(self.ranges.variations())

    def run(self, progress: Progress) -> PretrainReport:
        """Train policy and critics, then fit the ensemble; saves at every checkpoint and at the
        end."""
        config = self.config
        if self.folder.has(CHECKPOINT):
            self._load()
        else:
            self._create()
        if self.done == 0:
            self._warm_up()
        while self.done < config.updates:
            self._obs = self._restart_worlds(1 + self.done)
            self._train(min(self.done + config.checkpoint_every, config.updates), progress)
            self._evaluate(progress)
            self._save()
        fit = self._fit_model(progress)
        self._calibrate_alarms()
        self._save(finished=True)
        return PretrainReport(self.evaluation, fit, len(self.agent.real), self._unlearned())

    def _create(self) -> None:
        config = self.config
        create_run(self.folder, self.spec, config.agent, config.seed, pretraining=config.to_json())

    def _restart_worlds(self, phase: int) -> np.ndarray:
        """New episodes everywhere: at a checkpoint the simulator's state needs no saving."""
        # Worlds of their own for each phase, and none of those of an evaluation.
        seed = np.random.SeedSequence((self.config.seed, phase)).generate_state(1)[0]
        obs: np.ndarray = self.env.reset(seed=int(seed))[0]
        return obs

    def _warm_up(self) -> None:
        self._obs = self._restart_worlds(0)
        rng = np.random.default_rng((self.config.seed, 1))
        while len(self.agent.real) < self.config.warmup_steps:
            self._noise = correlated_noise(self._noise, rng)
            choice = torch.as_tensor(np.clip(self._noise, -1, 1).astype(np.float32))
            action = self.view.to_action(torch.as_tensor(self._obs), choice).numpy()
            self._observe(self._step(action))
        self.agent.warmed_up()

    def _step(self, action: np.ndarray) -> "_Stepped":
        """All worlds by one tick."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        ended = (terminated | truncated)[:, None]
        next_obs = np.where(ended, info.get("final_obs", obs), obs)
        action = info.get("applied", action).astype(np.float32)
        reward = reward.astype(np.float32)
        transitions = Transitions(self._obs, action, next_obs, reward, terminated)
        return _Stepped(transitions, truncated, obs)

    def _observe(self, stepped: "_Stepped") -> None:
        self.agent.observe(stepped.transitions, stepped.truncated)
        ended = stepped.transitions.terminated | stepped.truncated
        if ended.any():
            self.agent.begin_episode(ended)
        self._obs = stepped.obs

    def _train(self, until: int, progress: Progress) -> None:
        with ThreadPoolExecutor(1, "learner") as learner:
            while self.done < until:
                self._round(learner, progress)
                self._adapt_ranges()

    def _round(self, learner: ThreadPoolExecutor, progress: Progress) -> None:
        config, agent = self.config, self.agent
        action = agent.explore(self._obs)
        agent.set_progress(self.done / config.updates)
        step = self.done // config.updates_per_step
        # The engine runs on one core while the agent learns on another, from what it had before.
        learning = learner.submit(agent.improve, step, config.updates_per_step)
        stepped = self._step(action)
        learning.result()
        self._observe(stepped)
        self.done += config.updates_per_step
        if self.done % (config.updates_per_step * 25) == 0:
            progress("policy", min(self.done, config.updates), config.updates, self.evaluation)

    def _adapt_ranges(self) -> None:
        """From time to time, let automatic ranges follow the policy."""
        every, now = self.config.automatic.every, self.done
        if self.ranges is None or now // every == (now - self.config.updates_per_step) // every:
            return
        seed = np.random.SeedSequence((self.config.seed, now, 30_000)).generate_state(1)[0]
        self.ranges.evaluate_boundaries(self.make_env, self.agent.policy(), self.task, int(seed))
        self._set_ranges()

    def _evaluate(self, progress: Progress) -> None:
        env = self.make_env(self.spec, self.config.evaluation_worlds, seed=0)
        act, seed = self.agent.policy(), 10_000 + self.config.seed
        self.evaluation = evaluate(env, act, seed=seed, task=self.task).summary
        env.close()
        record = {"updates": self.done, "transitions": len(self.agent.real)} | self.evaluation
        if self.ranges is not None:
            record["mean_extent"] = self.ranges.mean_extent
        self.folder.log(record | self.agent.metrics())
        progress(
            "policy", min(self.done, self.config.updates), self.config.updates, self.evaluation
        )

    def _unlearned(self) -> UnlearnedReport | None:
        """What the worlds of the evaluation are worth untrained; None after any success."""
        if self.evaluation["success"] > 0:
            return None
        env = self.make_env(self.spec, self.config.evaluation_worlds, seed=0)
        report = evaluate_unlearned(env, seed=10_000 + self.config.seed, task=self.task)
        env.close()
        return report

    def _fit_model(self, progress: Progress) -> FitReport:
        """Fit the ensemble to everything seen, with whole spans of time held out."""
        data = self.agent.real.all()
        rng = np.random.default_rng(self.config.seed)
        rows = min(self.config.num_envs * 50, len(data) // 4)  # at least four spans
        span = np.arange(len(data)) // rows
        spans = rng.permutation(span.max() + 1)
        held = np.isin(span, spans[: max(1, round(len(spans) * self.config.model_holdout))])
        train, holdout = data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
        fit_normalizers(self.agent.model, train)
        report = fit_ensemble(
            self.agent.model,
            [Source(train, 1.0)],
            holdout,
            self.config.fit,
            rng,
            lambda step, total, nll: progress("model", step, total, {"holdout_nll": nll}),
        )
        self.agent.measure_disagreement(holdout)
        self.folder.log(
            {"model_steps": report.steps, "holdout_nll": float(report.holdout_nll.mean())}
        )
        return report

    def _calibrate_alarms(self) -> None:
        """Write the supervisor's thresholds for episodes in unseen worlds."""
        env = self.make_env(self.spec, self.config.alarm_worlds, seed=0)
        act, seed = self.agent.policy(), 20_000 + self.config.seed
        surprises = surprises_in(env, act, self.agent.model, seed=seed)
        env.close()
        rate, target = self.spec.control.rate_hz, self.spec.safety.false_stops_per_hour
        self.folder.write_json(THRESHOLDS, calibrate_alarms(surprises, rate, target).to_json())

    def _save(self, finished: bool = False) -> None:
        state: dict[str, Any] = {"updates": self.done, "evaluation": self.evaluation}
        if self.ranges is not None:
            state["ranges"] = self.ranges.state()
            self.folder.write_json(RANGES, self.ranges.described())
        if finished:
            subsample = Subsample(self.config.kept_transitions, self.config.num_envs)
            save_agent(self.folder, self.agent, subsample, **state)
        else:
            save_checkpoint(self.folder, self.agent, state, replay_beside=True)
            self.folder.write_json(STATE, state | {"finished": False})

    def _load(self) -> None:
        state = load_checkpoint(self.folder, self.agent)
        with files_fit(self.folder.path):
            self.done, self.evaluation = state["updates"], state["evaluation"]
            if self.ranges is not None:
                self.ranges.load_state(state["ranges"])
                self._set_ranges()
        self.folder.forget_metrics_after(self.done)


@dataclass(frozen=True)
class _Stepped:
    """One tick of all worlds: transitions, time limits (B,), observations to go on from (B, O)."""

    transitions: Transitions
    truncated: np.ndarray
    obs: np.ndarray


def pretrain(
    spec: RobotSpec,
    make_env: MakeEnv,
    config: PretrainConfig,
    out: Path,
    progress: Progress = lambda *_: None,
) -> PretrainReport:
    """Pretrain into a run folder, or go on with the unfinished run of the same settings there.

    Args:
        spec: the robot.
        make_env: makes vector environments, see Pretraining; `sim.make_vec_env` does.
        config: settings.
        out: the folder; a run that is killed goes on with the same call, to the same numbers.
        progress: called with (phase, done, total, numbers).

    Raises DataError when the folder holds a finished run or one of other settings, or another
    process is writing into it.
    """
    with FolderLock(out), ScalarRunFolder(out) as folder:
        check_folder(out, spec, config)
        training = Pretraining(spec, make_env, config, folder)
        try:
            return training.run(progress)
        finally:
            training.env.close()


def check_folder(out: Path, spec: RobotSpec, config: PretrainConfig) -> None:
    """Raise DataError unless `out` is free or holds an unfinished run of the same settings."""
    folder = RunFolder(out)
    if not folder.has(STATE):
        return
    if folder.finished:
        raise DataError(f"{out}: holds a finished run; choose another folder")
    check_unchanged(out, differing_settings(folder, spec, config))


def differing_settings(folder: RunFolder, spec: RobotSpec, config: PretrainConfig) -> list[str]:
    """How a run differs from what is asked for, in words; none where it is the same."""
    head, given = read_head(folder.path), config.to_json()
    agent = agent_config(head)
    # older runs repeat the agent's settings there, and lack settings that came later
    stored = {k: v for k, v in head.get("pretraining", {}).items() if k not in AGENTS}
    known = from_dict(PretrainConfig, stored).to_json() if stored else {}
    found = {"fingerprint": head["fingerprint"], "calibration": head.get("calibration", {})}
    wanted = {"fingerprint": spec.fingerprint, "calibration": spec.calibration}
    return differences(
        found | known | {"agent": named_settings(agent)},
        wanted | given | {"agent": named_settings(config.agent)},
    )


def how_to_resume(out: Path) -> str:
    """What a person does after an interruption."""
    folder = RunFolder(out)
    if not folder.has(STATE):
        return "stopped before the first checkpoint; the same command starts again"
    done = folder.read_object(STATE).get("updates")
    return f"stopped; the same command goes on from the checkpoint at update {done}"
