"""Finetune a dynamics model on what was recorded: many short episodes or a few long logs.

keep some out -> simulate the worlds that explain the rest
-> fit the members from the old weights, each with its own share of real rows and windows
-> accept only if the held-out k-step error is less than before
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.task import Task
from robot_mbrl.data.buffer_segments import draw_windows
from robot_mbrl.data.segment import Segment, transitions_of
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows
from robot_mbrl.learning.finetune.config import FinetuneConfig, FinetuneReport, Progress
from robot_mbrl.learning.finetune.split import Split, hold_out
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import Mix, Source, fit_mixes
from robot_mbrl.models.fitting.multistep import blend_windows
from robot_mbrl.models.judging.open_loop import open_loop_error

Simulate = Callable[[Sequence[Segment]], Transitions]
"""Simulated transitions that resemble recorded segments."""


@dataclass(frozen=True)
class FinetuneData:
    """Everything a finetuning learns from and chooses by, made once.

    Attributes:
        real: recorded transitions to learn from.
        held: recorded transitions kept out.
        simulated: transitions of a simulator.
        real_windows, held_windows, simulated_windows: of `error_steps` ticks, from the same.
        held_episodes: names of the episodes kept out whole.
    """

    real: Transitions
    held: Transitions
    simulated: Transitions
    real_windows: Windows
    held_windows: Windows
    simulated_windows: Windows
    held_episodes: tuple[str, ...]

    @classmethod
    def of(
        cls, split: Split, simulated: Transitions, task: Task | None, config: FinetuneConfig
    ) -> "FinetuneData":
        """Transitions, rewarded by `task`, and windows of both sides of a split."""
        ticks, rng = config.error_steps, np.random.default_rng((config.seed, 1))
        return cls(
            transitions_of(split.train, task),
            transitions_of(split.held, task),
            simulated,
            Windows.cut(split.train, ticks),
            Windows.cut(split.held, ticks),
            draw_windows(simulated, ticks, config.simulated_windows, rng),
            split.held_episodes,
        )


Start = Callable[[FinetuneData], DynamicsEnsemble]


@dataclass(frozen=True)
class ModelFinetuning:
    """A finetuned model, what it was made of and how it did.

    Attributes:
        model: the fitted one, also where it was not accepted.
        data: what it learned from.
        report: whether it was accepted, and why.
    """

    model: DynamicsEnsemble
    data: FinetuneData
    report: FinetuneReport


def finetune_model(
    model: DynamicsEnsemble,
    episodes: Mapping[str, list[Segment]],
    simulate: Simulate,
    config: FinetuneConfig,
    progress: Progress,
    *,
    task: Task | None = None,
    start: Start | None = None,
) -> ModelFinetuning:
    """Fit a copy of `model` to the segments of recorded episodes by name, and compare the two.

    Args:
        model: not changed.
        episodes: segments by episode.
        simulate: makes the simulated share from the segments that are learned from.
        config: settings.
        progress: of the fit.
        task: rewards the transitions; a dynamics model needs none.
        start: what is fitted instead of a copy of `model`, or `model` itself, which is then left as
            it is; for controls.

    Raises DataError when there are too few or too short segments.
    """
    split = hold_out(episodes, config, np.random.default_rng(config.seed))
    data = FinetuneData.of(split, simulate(split.train), task, config)
    before = held_error(model, data)
    if start:
        fitted = start(data)
    else:
        fitted = model.with_dry_friction() if config.dry_friction else copy.deepcopy(model)
    if fitted is not model:
        fit_members(fitted, data, config, progress)
    after = held_error(fitted, data)
    report = FinetuneReport(
        after < before, before, after, len(data.real), len(data.held), data.held_episodes
    )
    return ModelFinetuning(fitted, data, report)


def held_error(model: DynamicsEnsemble, data: FinetuneData) -> float:
    """The number that decides: root mean square position error at the held-out windows' end."""
    return open_loop_error(model, data.held_windows).summary()["rms_rad"]


def fit_members(
    model: DynamicsEnsemble, data: FinetuneData, config: FinetuneConfig, progress: Progress
) -> None:
    """Fit every member to its own blend of real and simulated data."""
    shares, members = config.real_shares, range(model.members)

    def mix(share: float) -> Mix:
        sources = [Source(data.real, share), Source(data.simulated, 1 - share)]
        rng = np.random.default_rng((config.seed, 2))
        windows = blend_windows(data.real_windows, data.simulated_windows, share, rng)
        return Mix.of(sources, windows)

    fit_mixes(
        model,
        [mix(shares[k % len(shares)]) for k in members],
        data.held,
        config.fit,
        [np.random.default_rng((config.seed, 4, k)) for k in members],
        lambda done, total, nll: progress("model", done, total, {"nll": nll}),
        holdout_windows=data.held_windows,
    )
