"""Model-Based Policy Optimization (Janner et al. 2019): SAC on a blend of real and imagined
transitions.

    collect real transitions -> fit the ensemble -> branch short imagined rollouts from real states
    -> update SAC on batches with a share of real rows

Where real transitions are cheap (a simulator) the real share is 1 and nothing is imagined; where
they are scarce (a robot) it falls to its floor. The same three methods serve both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.agents.sac import Batch, Sac, SacConfig
from robot_mbrl.agents.view import TaskView
from robot_mbrl.contract.plain_layout import Layout
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble_config import EnsembleConfig, config_of, make_ensemble
from robot_mbrl.tasks import Task

Progress = Callable[[int, int], None]
Policy = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ImaginationConfig:
    """How rollouts are branched from real states."""

    branches: int = 2000
    """states from which rollouts start, each time"""
    horizon: int = 10
    """longest rollout in ticks"""
    every: int = 250
    """updates between two rounds of imagination"""
    keep_rounds: int = 8
    """rounds of imagined transitions that are kept; older ones came from an older policy"""
    stop_quantile: float | None = 0.99
    """a rollout ends where disagreement passes this quantile of its values on real transitions;
    None never ends one for that"""
    disagreement_weight: float = 0.0
    """w: a transition of disagreement d counts 1 / (1 + w d), by keeping it with that probability;
    0 keeps all"""
    disagreement_penalty: float = 0.0
    """reward lost per unit of disagreement in imagination (MOPO); below 0 a bonus to explore"""
    min_length: float = 0.0
    """a round whose rollouts last fewer ticks on average is thrown away with all imagined before
    it: the model is not believed, real rows stand in until a better round; 0 never does"""


@dataclass(frozen=True)
class MbpoConfig:
    """Settings of the joint agent."""

    sac: SacConfig = field(default_factory=SacConfig)
    """the policy optimizer"""
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    """the model"""
    imagination: ImaginationConfig = field(default_factory=ImaginationConfig)
    """the rollouts"""
    real_share: float = 0.1
    """share of real rows in each batch once the model is used; 1 never imagines"""


class Mbpo:
    """Policy, critics, model and their data.

    Args:
        layout: of the observation.
        task: gives reward and termination to imagined transitions.
        config: settings.
        capacity: real transitions held.
        seed: of every generator inside.
    """

    def __init__(
        self, layout: Layout, task: Task, config: MbpoConfig, capacity: int, seed: int
    ) -> None:
        self.layout, self.task, self.config = layout, task, config
        self.torch_rng = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        size, actions = layout.size, layout.action_size
        view = TaskView(layout, task)
        self.sac = Sac(size, actions, config.sac, self.torch_rng, view)
        self.model = make_ensemble(layout, config.ensemble, self.torch_rng)
        self.real = ReplayBuffer(size, actions, capacity)
        self.simulated = ReplayBuffer(size, actions, 1)
        self.disagreement_limit = np.inf
        self.blend(config.real_share)

    def set_model(self, model: DynamicsEnsemble) -> None:
        """Go on with another model; the settings say what it is made of."""
        self.model, self.config = model, replace(self.config, ensemble=config_of(model))

    def blend(
        self, real_share: float, simulated: Transitions | None = None, share: float = 0.0
    ) -> None:
        """Set what batches are made of; the rest of a batch is imagined, and nothing is so far.

        Args:
            real_share: share of rows from `real`.
            simulated: a simulator's transitions, which anchor policy and critics where neither real
                nor imagined rows lead.
            share: share of rows from `simulated`.
        """
        size, actions = self.layout.size, self.layout.action_size
        self.real_share, self.simulated_share = real_share, share if simulated else 0.0
        if simulated:
            self.simulated = ReplayBuffer(size, actions, len(simulated))
            self.simulated.add(simulated)
        imagination = self.config.imagination
        per_round = imagination.branches * imagination.horizon
        imagines = self.real_share + self.simulated_share < 1
        held = per_round * imagination.keep_rounds if imagines else 1
        self.imagined = ReplayBuffer(size, actions, held)

    def explore(self, obs: np.ndarray) -> np.ndarray:
        """A sampled action (B, A) for observations (B, O)."""
        noise = torch.randn(len(obs), self.layout.action_size, generator=self.torch_rng)
        with torch.no_grad():
            return self.sac.actor.sample(torch.as_tensor(obs), noise)[0].numpy()

    def begin_episode(self) -> None:
        """The policy remembers nothing."""

    def model_fitted(self, data: Transitions) -> None:
        """After a fit to real transitions: forget what the old model imagined."""
        self.sac.set_observation_statistics(data.obs.astype(np.float64))
        self.measure_disagreement(data)
        self.imagined.clear()

    def improve(self, step: int, updates: int) -> None:
        """SAC updates after learning's step `step`, with new imagined rollouts where due.

        Rounds of imagination are `every` SAC updates apart.
        """
        every = self.config.imagination.every
        due = (step * updates) // every != ((step - 1) * updates) // every
        if self.real_share < 1 and (due or not len(self.imagined)):
            starts = self.real.sample(self.config.imagination.branches, self.rng)
            self.imagine(self.real.split(starts).obs)
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
        quantile = self.config.imagination.stop_quantile
        if quantile is None:
            self.disagreement_limit = np.inf
            return
        obs, action = torch.as_tensor(transitions.obs), torch.as_tensor(transitions.action)
        mean, _ = self.model.increments(self.model.spread(obs), self.model.spread(action))
        values = self.model.disagreement(mean).double().numpy()
        self.disagreement_limit = float(np.quantile(values, quantile))

    @torch.no_grad()
    def imagine(self, starts: np.ndarray) -> float:
        """Branch rollouts of the current policy from observations (B, O) into `imagined`.

        A rollout ends at termination, at disagreement above the limit or where it is no longer
        finite. Returns its mean length; below `min_length` nothing imagined is left.
        """
        obs = torch.as_tensor(starts)
        rows, began = 0, len(obs)
        for _ in range(self.config.imagination.horizon):
            noise = torch.randn(len(obs), self.layout.action_size, generator=self.torch_rng)
            action = self.sac.actor.sample(obs, noise)[0]
            next_obs, disagreement = self.model.sample(obs, action, self.torch_rng)
            reward = self.task.reward(next_obs, action, xp=torch)
            sane = torch.isfinite(next_obs).all(-1) & torch.isfinite(reward)
            sane &= disagreement <= self.disagreement_limit
            columns = (obs, action, next_obs, reward, disagreement)
            obs, action, next_obs, reward, disagreement = (x[sane] for x in columns)
            ended = self.task.terminated(next_obs, xp=torch)
            self._remember(obs, action, next_obs, reward, ended, disagreement)
            rows += len(obs)
            obs = next_obs[~ended]
            if not len(obs):
                break
        length = rows / began
        if length < self.config.imagination.min_length:
            self.imagined.clear()
        return length

    def _remember(
        self,
        obs: Tensor,
        action: Tensor,
        next_obs: Tensor,
        reward: Tensor,
        ended: Tensor,
        disagreement: Tensor,
    ) -> None:
        """Add imagined transitions; the more the members disagree, the worse and the fewer."""
        config = self.config.imagination
        if config.disagreement_penalty:
            reward = reward - config.disagreement_penalty * disagreement
        columns = [obs, action, next_obs, reward, ended]
        if config.disagreement_weight:
            # Thinning gives weighted sums in expectation, and buffer and SAC need not know.
            weight = 1 / (1 + config.disagreement_weight * disagreement)
            kept = torch.rand(len(obs), generator=self.torch_rng) < weight
            columns = [c[kept] for c in columns]
        self.imagined.add(Transitions(*(c.numpy() for c in columns)))

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

    def refine(
        self, updates: int, starts: Transitions, lr: float, progress: Progress | None = None
    ) -> None:
        """Improve policy and critics in the model, without new real data.

        Args:
            updates: SAC updates.
            starts: transitions whose observations rollouts branch from.
            lr: learning rate at the start; it falls as in pretraining.
            progress: called with (done, total).
        """
        config, chunk, due = self.config.imagination, 10, 0
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


def correlated_noise(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The next sample of a first-order process of unit variance; explores better than white
    noise."""
    return 0.8 * noise + 0.6 * rng.standard_normal(noise.shape)
