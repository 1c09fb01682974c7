"""Finetuning: scarce real episodes correct the model, the corrected model corrects the policy.

split whole episodes -> fit the members from the pretrained weights, each with its own share of real
rows -> accept only if the held-out k-step error is less than before
-> refine policy and critics in it -> otherwise roll back
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract.errors import ContractMismatchError, DataError
from robot_mbrl.data import Episode, read_episode
from robot_mbrl.data.chains import draw_chains
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.models.ensemble.config import make_ensemble
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig, Mix, Source, fit_mixes, fit_normalizers
from robot_mbrl.models.fitting.multistep import Windows, blend_windows
from robot_mbrl.models.judging.rollout_error import rollout_error

Progress = Callable[[str, int, int, dict[str, float]], None]
Simulate = Callable[[list[tuple[np.ndarray, np.ndarray]]], Transitions]


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of finetuning."""

    holdout: float = 0.2
    """share of whole episodes kept out of training, at least one"""
    real_shares: tuple[float, ...] = (0.9, 0.7, 0.5, 0.3, 0.1)
    """shares of real rows, and of real stretches, in a batch, of each member in turn; the rest is
    simulated, or the model forgets what these episodes do not show. Scarce episodes mislead in one
    way and a simulator in another: members that trust more in either err less in the mean"""
    plausible: bool = True
    """simulate in the worlds that explain the episodes; otherwise in any of the pretraining"""
    simulated_stretches: int = 4000
    """the simulator's stretches to draw from"""
    error_steps: int = 10
    """ticks ahead at which models are compared"""
    fit: FitConfig = FitConfig(
        steps=1500,
        lr=5e-3,
        check_every=50,
        patience=10,
        bootstrap=False,
        input_noise=0.02,
        multistep_weight=3.0,
    )
    """the ensemble's fit, from the pretrained weights"""
    sticks: bool = True
    """give the model dry friction if it has none: real joints stick more than simulated ones"""
    updates: int = 7000
    """SAC updates in the accepted model"""
    lr: float = 5e-4
    """learning rate of these updates at the start"""
    real_row_share: float = 0.1
    """share of real rows in the batches of these updates"""
    simulated_row_share: float = 0.4
    """share of simulated rows, an anchor where no real data lead; the rest is imagined"""
    real_start_share: float = 0.5
    """share of imagined rollouts that start at real observations; the rest start at simulated
    ones"""
    model: str = "finetuned"
    """"finetuned", or a control: "pretrained" keeps the old model, "scratch" trains a new one"""
    seed: int = 0
    """of every generator"""

    def __post_init__(self) -> None:
        """Raises DataError for shares that are none."""
        if not self.real_shares or not all(0 <= share <= 1 for share in self.real_shares):
            raise DataError(
                f"real_shares: expected one or more numbers from 0 to 1, got {self.real_shares}"
            )


@dataclass(frozen=True)
class FinetuneReport:
    """What finetuning did.

    Attributes:
        accepted: the held-out error improved; otherwise everything is as before.
        error_before_rad: held-out k-step error of the model that came in.
        error_after_rad: of the fitted one.
        train_transitions: real transitions learned from.
        holdout_transitions: real transitions kept out.
        holdout_episodes: names of the episodes kept out.
    """

    accepted: bool
    error_before_rad: float
    error_after_rad: float
    train_transitions: int
    holdout_transitions: int
    holdout_episodes: tuple[str, ...]


def finetune(
    agent: Mbpo,
    episodes: dict[str, Episode],
    config: FinetuneConfig,
    progress: Progress,
    simulate: Simulate | None = None,
) -> FinetuneReport:
    """Finetune `agent` in place on real episodes by name.

    The agent's `real` buffer must hold the simulator's transitions on entry; on success it holds
    the real ones. `simulate` makes others, of worlds that resemble the stretches (obs (T, O),
    actions (T, A)) it is given. Raises DataError when there are too few or too short episodes.
    """
    check_episodes(agent, episodes)
    rng = np.random.default_rng(config.seed)
    train_names, held_names = split_episodes(episodes, config, rng)
    held_pairs = [pair for n in held_names for pair in stretches(episodes[n])]
    real = concatenate([episodes[n].transitions(agent.task) for n in train_names])
    held = concatenate([episodes[n].transitions(agent.task) for n in held_names])
    train_pairs = [pair for n in train_names for pair in stretches(episodes[n])]
    here = simulate is not None and config.plausible and config.model == "finetuned"
    simulated = simulate(train_pairs) if simulate and here else agent.real.all()
    before = rollout_error(agent.model, held_pairs, config.error_steps).scalar(config.error_steps)
    draw = np.random.default_rng((config.seed, 1))
    chains = draw_chains(simulated, config.error_steps, config.simulated_stretches, draw)
    data = _Data(real, held, simulated, train_pairs, held_pairs, chains)
    fitted = _fitted(agent, data, config, progress)
    after = rollout_error(fitted, held_pairs, config.error_steps).scalar(config.error_steps)
    report = FinetuneReport(
        after < before or config.model != "finetuned",
        before,
        after,
        len(real),
        len(held),
        tuple(held_names),
    )
    if not report.accepted:
        return report
    agent.set_model(fitted)
    _refine(agent, real, simulated, config, progress)
    return report


def check_episodes(agent: Mbpo, episodes: dict[str, Episode]) -> None:
    """Raise ContractMismatchError for episodes of another robot or layout."""
    if not episodes:
        raise DataError("no episodes to finetune on; record some with `robot-mbrl collect`")
    for name, episode in episodes.items():
        header = episode.metadata
        if tuple(header.columns) != agent.layout.columns:
            raise ContractMismatchError(
                f"{name}: recorded on robot {header.robot!r} with {len(header.columns)} "
                f"observation columns, this run has {len(agent.layout.columns)} others; "
                "collect with a controller of this run"
            )


def split_episodes(
    episodes: dict[str, Episode], config: FinetuneConfig, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Names for training and names held out: whole episodes, never parts of one."""
    usable = [n for n in sorted(episodes) if len(episodes[n].observations) > config.error_steps + 1]
    if len(usable) < 2:
        raise DataError(
            f"finetuning needs at least 2 episodes of more than {config.error_steps + 1} ticks, "
            f"got {len(usable)}: one trains, one is kept out to judge; collect more"
        )
    count = max(1, round(config.holdout * len(usable)))
    held = set(rng.permutation(usable)[:count].tolist())
    return [n for n in usable if n not in held], [n for n in usable if n in held]


def stretches(episode: Episode) -> list[tuple[np.ndarray, np.ndarray]]:
    """Parts of an episode without gaps: observations (T, O) and actions (T, A)."""
    return [(episode.observations[s], episode.actions[s]) for s in episode.segments()]


@dataclass(frozen=True)
class _Data:
    """Transitions, and the same real ones as stretches (obs, action)."""

    real: Transitions
    held: Transitions
    simulated: Transitions
    real_stretches: list[tuple[np.ndarray, np.ndarray]]
    held_stretches: list[tuple[np.ndarray, np.ndarray]]
    simulated_stretches: list[tuple[np.ndarray, np.ndarray]]


def _fitted(
    agent: Mbpo, data: _Data, config: FinetuneConfig, progress: Progress
) -> DynamicsEnsemble:
    """The model fitted to the episodes, or the old one for the control that keeps it."""
    if config.model == "pretrained":
        return agent.model
    model = _start_model(agent, data.real, config)
    shares = (1.0,) if config.model == "scratch" else config.real_shares
    members = range(model.members)
    windows = Windows.cut(model, data.real_stretches, config.error_steps)
    simulated = Windows.cut(model, data.simulated_stretches, config.error_steps)

    def mix(share: float) -> Mix:
        sources = [Source(data.real, share), Source(data.simulated, 1 - share)]
        rng = np.random.default_rng((config.seed, 2))
        return Mix.of(sources, blend_windows(windows, simulated, share, rng))

    fit_mixes(
        model,
        [mix(shares[k % len(shares)]) for k in members],
        data.held,
        config.fit,
        [np.random.default_rng((config.seed, 4, k)) for k in members],
        lambda done, total, nll: progress("model", done, total, {"nll": nll}),
        holdout_windows=Windows.cut(model, data.held_stretches, config.error_steps),
    )
    return model


def _start_model(agent: Mbpo, real: Transitions, config: FinetuneConfig) -> DynamicsEnsemble:
    if config.model == "finetuned":
        return agent.model.with_grip() if config.sticks else copy.deepcopy(agent.model)
    sizes = agent.config.ensemble
    sizes = replace(sizes, sticks=config.sticks or sizes.sticks)
    fresh = make_ensemble(agent.layout, sizes, agent.torch_rng)
    fit_normalizers(fresh, real)
    return fresh


def _refine(
    agent: Mbpo,
    real: Transitions,
    simulated: Transitions,
    config: FinetuneConfig,
    progress: Progress,
) -> None:
    """Improve policy and critics in the new model from real and simulated starting states."""
    agent.real.clear()
    agent.real.add(real)
    agent.blend(config.real_row_share, simulated, config.simulated_row_share)
    starts = _mixed_starts(real, simulated, config)
    agent.measure_disagreement(starts)
    agent.sac.restart_optimizers(config.lr)
    agent.refine(
        config.updates, starts, config.lr, lambda done, total: progress("policy", done, total, {})
    )


def _mixed_starts(real: Transitions, simulated: Transitions, config: FinetuneConfig) -> Transitions:
    """Real rows repeated so that they make up the configured share of the starts."""
    rng = np.random.default_rng(config.seed)
    size = 20_000
    from_real = round(size * config.real_start_share)
    parts = [real.take(rng.integers(len(real), size=from_real))]
    if from_real < size:
        parts.append(simulated.take(rng.integers(len(simulated), size=size - from_real)))
    return concatenate(parts)


def load_episodes(folders: list[Path], *, recover: bool = False) -> dict[str, Episode]:
    """Read every .mcap file of some folders (or files), by file name. Raises DataError."""
    files = [f for p in folders for f in (sorted(p.glob("*.mcap")) if p.is_dir() else [p])]
    if not files:
        raise DataError(f"no .mcap files in {', '.join(map(str, folders))}")
    return {str(f): read_episode(f, recover=recover) for f in files}
