"""Model-Based Policy Optimization (Janner et al. 2019): SAC on a blend of real and imagined
transitions.

    collect real transitions -> fit the ensemble -> branch short imagined rollouts from real states
    -> update SAC on batches with a share of real rows

Where real transitions are cheap (a simulator) the real share is 1 and nothing is imagined; where
they are scarce (a robot) it falls to its floor. The same three methods serve both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from robot_mbrl.agents.agent import AgentConfig, AgentState, ControllerParts, Progress, Worlds
from robot_mbrl.agents.imagination.rollouts import ImaginationConfig, branch_rollouts
from robot_mbrl.agents.imagination.schedules import ShareConfig, real_share, rollout_length
from robot_mbrl.agents.sac import Batch, Sac
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.agents.state import (
    load_optimizers,
    load_tensors,
    load_torch_state,
    load_transitions,
    network_tensors,
    optimizer_tensors,
    recorded,
    torch_state,
)
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.contract.task import Task
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.segment import Segment, long_enough
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.config import EnsembleConfig, config_of, make_ensemble
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.open_loop import relative_error
from robot_mbrl.models.learned_task import LearnedTask
from robot_mbrl.networks.policy_view import TaskPolicyView


@dataclass(frozen=True)
class MbpoConfig(AgentConfig):
    """Settings of the joint agent."""

    agent_name: ClassVar[str] = "mbpo"
    sac: SacConfig = field(default_factory=SacConfig)
    """the policy optimizer"""
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    """the model"""
    imagination: ImaginationConfig = field(default_factory=ImaginationConfig)
    """the rollouts"""
    real_share: float = 0.1
    """share of real rows in each batch once the model is used; 1 never imagines"""
    share: ShareConfig = field(default_factory=ShareConfig)
    """how the share falls to that floor while a robot is learned from scratch"""


def simulation_config() -> MbpoConfig:
    """Where steps are cheap: updates are on real rows, and targets may follow twice as fast."""
    return MbpoConfig(real_share=1.0, sac=SacConfig(tau=0.02))


def pessimistic_config() -> MbpoConfig:
    """Where no new step corrects the model: half of each batch is real, rollouts are short,
    disagreement costs reward."""
    imagination = ImaginationConfig(branches=400, horizon=5, disagreement_penalty=1.0)
    return MbpoConfig(imagination=imagination, real_share=0.5)


class Mbpo:
    """Policy, critics, model and their data.

    Args:
        layout: of the observation.
        task: gives reward and termination to imagined transitions.
        config: settings.
        capacity: real transitions held.
        seed: of every generator inside.
    """

    config_type: ClassVar[type[AgentConfig]] = MbpoConfig

    def __init__(
        self, layout: Layout, task: Task, config: MbpoConfig, capacity: int, seed: int
    ) -> None:
        self.layout: Layout = layout
        self.task: Any = task
        self.config: Any = config
        self.torch_rng = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        size, actions = layout.size, layout.action_size
        view = TaskPolicyView(layout, task)
        self.sac = Sac(size, actions, config.sac, self.torch_rng, view)
        self.model = make_ensemble(layout, config.ensemble, self.torch_rng)
        self.real = ReplayBuffer(size, actions, capacity)
        self.simulated = ReplayBuffer(size, actions, 1)
        self.disagreement_limit = np.inf
        self.relative_error: FloatArray | None = None
        self.imagines = False  # not before the model was fitted
        self.blend(config.real_share)

    def set_model(self, model: DynamicsEnsemble) -> None:
        """Go on with another model; the settings say what it is made of."""
        self.model, self.config = model, replace(self.config, ensemble=config_of(model))

    def blend(
        self, real_share: float, simulated: Transitions | None = None, share: float = 0.0
    ) -> None:
        """Set what batches are made of; the rest of a batch is imagined, and nothing is so far.

        Args:
            real_share: share of rows from `real`, or the floor that the schedule falls to.
            simulated: a simulator's transitions, which anchor policy and critics where neither real
                nor imagined rows lead.
            share: share of rows from `simulated`.
        """
        size, actions = self.layout.size, self.layout.action_size
        self.real_floor = self.real_share = real_share
        self.simulated_share = share if simulated else 0.0
        if simulated:
            self.simulated = ReplayBuffer(size, actions, len(simulated))
            self.simulated.add(simulated)
        imagination = self.config.imagination
        per_round = imagination.branches * imagination.horizon
        mixed = self.real_share + self.simulated_share < 1
        held = per_round * imagination.keep_rounds if mixed else 1
        self.imagined = ReplayBuffer(size, actions, held)

    def explore(self, obs: np.ndarray) -> np.ndarray:
        """A sampled action (B, A) for observations (B, O)."""
        noise = torch.randn(len(obs), self.layout.action_size, generator=self.torch_rng)
        with torch.no_grad():
            return self.sac.actor.sample(torch.as_tensor(obs), noise)[0].numpy()

    def begin_episode(self, worlds: Worlds | None = None) -> None:
        """The policy remembers nothing."""

    def observe(self, transitions: Transitions, truncated: Worlds | None = None) -> None:
        """Keep real transitions."""
        self.real.add(transitions)

    def warmed_up(self) -> None:
        """The networks whiten by what was observed so far."""
        self.sac.set_observation_statistics(self.real.all().obs.astype(np.float64))

    def set_progress(self, done: float) -> None:
        """The learning rate falls at the end."""
        self.sac.set_learning_rate(self.sac.learning_rate_at(done))

    @property
    def evaluated_ticks(self) -> int:
        """Length of the held-out segments by which `model_fitted` evaluates the model; 0 for
        none."""
        share, imagination = self.config.share, self.config.imagination
        by_error = imagination.length.by == "error"
        return max(
            share.ticks if share.by == "error" else 0, imagination.horizon if by_error else 0
        )

    def model_fitted(self, data: Transitions, held: Sequence[Segment] = ()) -> None:
        """After a fit to real transitions: forget what the old model imagined, evaluate the new
        one.

        Args:
            data: all real transitions.
            held: segments of them that were held out; without one of `evaluated_ticks` the model
                stays unproven.
        """
        self.sac.set_observation_statistics(data.obs.astype(np.float64))
        self.measure_disagreement(data)
        self.imagined.clear()
        ticks = self.evaluated_ticks
        long = long_enough(held, ticks)
        windows = Windows.cut(long, ticks) if ticks and long else None
        self.relative_error = relative_error(self.model, windows) if windows else None

    def improve(self, step: int, updates: int) -> None:
        """SAC updates after learning's step `step`, with new imagined rollouts where due.

        Rounds of imagination are `every` SAC updates apart.
        """
        config, error = self.config.imagination, self.relative_error
        share = real_share(self.config.share, self.real_floor, step, error)
        self.real_share = min(share, 1 - self.simulated_share)
        due = (step * updates) // config.every != ((step - 1) * updates) // config.every
        mixed = self.real_share + self.simulated_share < 1
        if self.imagines and mixed and (due or not len(self.imagined)):
            starts = self.real.sample(config.branches, self.rng)
            ticks = rollout_length(config.length, config.horizon, step, error)
            self.imagine(self.real.split(starts).obs, ticks)
        self.update(updates)

    def policy(self) -> Policy:
        """What is evaluated: the averaged actor, observations (B, O) -> actions (B, A)."""

        def act(obs: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return self.sac.average.act(torch.as_tensor(obs, dtype=torch.float32)).numpy()

        return act

    @torch.no_grad()
    def measure_disagreement(self, transitions: Transitions) -> None:
        """Set the limit at which imagined rollouts stop, from real transitions."""
        self.imagines = True
        quantile = self.config.imagination.stop_quantile
        if quantile is None:
            self.disagreement_limit = np.inf
            return
        obs, action = torch.as_tensor(transitions.obs), torch.as_tensor(transitions.action)
        mean, _ = self.model.increments(self.model.spread(obs), self.model.spread(action))
        values = self.model.disagreement(mean).double().numpy()
        self.disagreement_limit = float(np.quantile(values, quantile))

    def imagine(self, starts: np.ndarray, ticks: int | None = None) -> float:
        """Branch rollouts of the current policy from observations (B, O) into `imagined`.

        They last `ticks`, or the horizon, unless something stops them. Returns their mean length;
        below `min_length` nothing imagined is left.
        """
        config = self.config.imagination
        rollouts = branch_rollouts(
            self.model,
            self.task,
            self.sac,
            starts,
            ticks or config.horizon,
            config,
            limit=self.disagreement_limit,
            rng=self.torch_rng,
        )
        self.imagined.add(rollouts.transitions)
        if rollouts.length < config.min_length:
            self.imagined.clear()
        return rollouts.length

    def batches(self, updates: int) -> list[Batch]:
        """Rows for so many updates, each with the shares that `blend` has set.

        As long as nothing is imagined, real rows stand in.
        """
        size = self.config.sac.batch
        real, simulated = round(size * self.real_share), round(size * self.simulated_share)
        imagined = size - real - simulated
        if not len(self.imagined):
            real, imagined = real + imagined, 0
        parts = []
        counts = ((self.real, real), (self.simulated, simulated), (self.imagined, imagined))
        for buffer, count in counts:
            if count:
                rows = buffer.sample(updates * count, self.rng)
                parts.append(rows.reshape(updates, count, rows.shape[-1]))
        mixed = torch.as_tensor(np.concatenate(parts, 1))
        return [Batch.from_rows(r, self.layout.size, self.layout.action_size) for r in mixed]

    def update(self, updates: int) -> None:
        """SAC updates on the current data."""
        size, actions = self.config.sac.batch, self.layout.action_size
        noise = torch.randn(updates, 2, size, actions, generator=self.torch_rng)
        for batch, z in zip(self.batches(updates), noise, strict=True):
            self.sac.update(batch, z)

    def restart_optimizers(self, lr: float) -> None:
        """Forget moments; for a new phase of learning."""
        self.sac.restart_optimizers(lr)

    def refine(
        self,
        updates: int,
        starts: Transitions,
        lr: float | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Improve policy and critics in the model, without new real data.

        Args:
            updates: SAC updates.
            starts: transitions whose observations rollouts branch from.
            lr: learning rate at the start, the settings' by default; it falls as in pretraining.
            progress: called with (done, total).
        """
        config, chunk, due = self.config.imagination, 10, 0
        lr = self.config.sac.lr if lr is None else lr
        for done in range(0, updates, chunk):
            if done >= due:
                due += config.every
                pick = self.rng.integers(len(starts), size=config.branches)
                self.imagine(starts.obs[pick])
            decay = self.sac.learning_rate_at(done / updates) / self.config.sac.lr
            self.sac.set_learning_rate(lr * decay)
            self.update(min(chunk, updates - done))
            if progress and done % 100 == 0:
                progress(done, updates)

    def metrics(self) -> dict[str, float]:
        """The temperature."""
        return {"temperature": self.sac.temperature}

    def exportable(self) -> ControllerParts:
        """Model, averaged actor and critics."""
        return ControllerParts(
            self.model, self.sac.average, self.sac.critics, self.config.sac.gamma
        )

    def get_state(self) -> AgentState:
        """Networks, moments, the three kinds of transitions, generators and counters."""
        limit, error = self.disagreement_limit, self.relative_error
        return AgentState(
            weights=self._weights(),
            learning=optimizer_tensors(self._optimizers()),
            transitions=recorded(self._buffers()),
            plain={
                "numpy": self.rng.bit_generator.state,
                "torch": torch_state(self.torch_rng),
                "sac_updates": self.sac.updates,
                "disagreement_limit": limit if np.isfinite(limit) else None,
                "relative_error": None if error is None else error.tolist(),
                "imagines": self.imagines,
            },
        )

    def set_state(self, state: AgentState) -> None:
        """Put a state back. Raises DataError for one of other settings."""
        # their number is no setting
        self.model.elites = state.weights.get("model.elites", self.model.elites).clone()
        load_tensors(self._weights(), state.weights)
        load_optimizers(self._optimizers(), state.learning)
        load_transitions(self._buffers(), state.transitions)
        plain = state.plain
        self.rng.bit_generator.state = plain["numpy"]
        load_torch_state(self.torch_rng, plain["torch"])
        self.sac.updates, limit = plain["sac_updates"], plain["disagreement_limit"]
        self.disagreement_limit = np.inf if limit is None else limit
        error = plain.get("relative_error")
        self.relative_error = None if error is None else np.array(error)
        self.imagines = plain.get("imagines", limit is not None)

    def _weights(self) -> dict[str, Tensor]:
        sac = self.sac
        networks: dict[str, nn.Module] = {"model": self.model}
        if isinstance(self.task, LearnedTask):
            networks["task"] = self.task
        networks |= {"actor": sac.actor, "average": sac.average}
        networks |= {"critics": sac.critics, "targets": sac.targets}
        return network_tensors(networks) | {"log_temperature": sac.log_temperature.detach()}

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "actor_optimizer": self.sac.actor_optimizer,
            "critic_optimizer": self.sac.critic_optimizer,
        }

    def _buffers(self) -> dict[str, ReplayBuffer]:
        return {"real": self.real, "simulated": self.simulated, "imagined": self.imagined}
