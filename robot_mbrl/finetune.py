"""Finetuning: scarce real episodes correct the model, the corrected model corrects the policy.

split whole episodes -> fit candidates (real share of each batch) from the pretrained weights
-> keep the one with the least held-out k-step error, or nearly so
-> accept only if better than before
-> refine policy and critics in it -> otherwise roll back
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract.errors import ContractMismatchError, DataError
from robot_mbrl.data.chains import draw_chains
from robot_mbrl.data.episodes import Episode, read_episode
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.models.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble_config import make_ensemble
from robot_mbrl.models.fit import FitConfig, Mix, Source, fit_candidates, fit_normalizers
from robot_mbrl.models.multistep import Windows, blend_windows
from robot_mbrl.models.rollout_error import rollout_error

Progress = Callable[[str, int, int, dict[str, float]], None]
Simulate = Callable[[list[tuple[np.ndarray, np.ndarray]]], Transitions]


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of finetuning."""

    holdout: float = 0.2
    """share of whole episodes kept out of training, at least one"""
    real_shares: tuple[float, ...] = (0.9, 0.7)
    """shares of real rows, and of real stretches, in a batch that are tried; the rest is simulated,
    or the model forgets what these episodes do not show"""
    tolerance: float = 0.1
    """candidates whose held-out errors are within this share of the least are as good: the one with
    the most simulated rows is kept, which forgets least"""
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


@dataclass(frozen=True)
class FinetuneReport:
    """What finetuning did.

    Attributes:
        accepted: the held-out error improved; otherwise everything is as before.
        error_before_rad: held-out k-step error of the model that came in.
        error_after_rad: of the best candidate.
        real_share: of the best candidate.
        candidates: error by real share.
        train_transitions: real transitions learned from.
        holdout_transitions: real transitions kept out.
        holdout_episodes: names of the episodes kept out.
    """

    accepted: bool
    error_before_rad: float
    error_after_rad: float
    real_share: float
    candidates: dict[str, float]
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
    best, errors = _best_candidate(agent, data, config, progress)
    share = choose_share(errors, config.tolerance)
    after, accepted = errors[share], errors[share] < before
    report = FinetuneReport(
        accepted or config.model != "finetuned",
        before,
        after,
        share,
        {str(s): e for s, e in errors.items()},
        len(real),
        len(held),
        tuple(held_names),
    )
    if not report.accepted:
        return report
    agent.set_model(best)
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


def _best_candidate(
    agent: Mbpo, data: _Data, config: FinetuneConfig, progress: Progress
) -> tuple[DynamicsEnsemble, dict[float, float]]:
    """Fit a model for each real share; return the best and every held-out error."""
    steps = config.error_steps
    if config.model == "pretrained":
        error = rollout_error(agent.model, data.held_stretches, steps).scalar(steps)
        return agent.model, {0.0: error}
    shares = (1.0,) if config.model == "scratch" else config.real_shares
    start = _start_model(agent, data.real, config)
    fitted = fit_candidates(
        start,
        [
            Mix.of(
                [Source(data.real, share), Source(data.simulated, 1 - share)],
                _windows(start, data, steps, share, config.seed),
            )
            for share in shares
        ],
        data.held,
        config.fit,
        config.seed,
        lambda done, total, nll: progress("model", done, total, {"nll": nll}),
        holdout_windows=Windows.cut(start, data.held_stretches, steps),
    )
    models = dict(zip(shares, fitted, strict=True))
    errors = {
        share: rollout_error(model, data.held_stretches, steps).scalar(steps)
        for share, model in models.items()
    }
    return models[choose_share(errors, config.tolerance)], errors


def choose_share(errors: dict[float, float], tolerance: float) -> float:
    """The least real share whose held-out error is within `tolerance` of the least error, as the
    one-standard-error rule of Breiman et al. (1984, section 3.4.3) takes the simplest.

    So few held-out ticks cannot tell such candidates apart. A candidate whose error is not finite
    is never chosen while another's is.
    """
    finite = {share: e for share, e in errors.items() if np.isfinite(e)}
    if not finite:
        return min(errors)
    limit = (1 + tolerance) * min(finite.values())
    return min(share for share, e in finite.items() if e <= limit)


def _windows(
    model: DynamicsEnsemble, data: _Data, steps: int, real_share: float, seed: int
) -> Windows:
    """Real stretches, and simulated ones for the rest of the multi-step loss."""
    real = Windows.cut(model, data.real_stretches, steps)
    if real_share >= 1 or not data.simulated_stretches:
        return real
    simulated = Windows.cut(model, data.simulated_stretches, steps)
    return blend_windows(real, simulated, real_share, np.random.default_rng((seed, 2)))


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
