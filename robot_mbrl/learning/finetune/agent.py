"""Finetune an agent: the corrected model corrects the policy, or everything stays as it was."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from robot_mbrl.agents.agent import RefinableAgent
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.learning.finetune.config import FinetuneConfig, FinetuneReport, Progress
from robot_mbrl.learning.finetune.model import (
    FinetuneData,
    ModelFinetuning,
    Simulate,
    finetune_model,
)
from robot_mbrl.models.ensemble.config import config_of, make_ensemble
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import fit_normalizers

STARTS = 20_000  # observations that imagined rollouts may begin at


def finetune(
    agent: RefinableAgent,
    episodes: Mapping[str, list[Segment]],
    config: FinetuneConfig,
    progress: Progress,
    simulate: Simulate | None = None,
) -> FinetuneReport:
    """Finetune `agent` in place on the segments of real episodes by name.

    The agent's `real` buffer must hold the simulator's transitions on entry; on success it holds
    the real ones. `simulate` makes others, of worlds that resemble the segments it is given.
    Raises DataError when there are too few or too short episodes.
    """
    result = _corrected_model(agent, episodes, config, progress, simulate)
    if result.report.accepted:
        agent.set_model(result.model)
        _refine(agent, result.data, config, progress)
    return result.report


def _corrected_model(
    agent: RefinableAgent,
    episodes: Mapping[str, list[Segment]],
    config: FinetuneConfig,
    progress: Progress,
    simulate: Simulate | None,
) -> ModelFinetuning:
    """The finetuned model, or that of a control, which is accepted as it is."""
    if config.model not in ("finetuned", "pretrained", "scratch"):
        raise SettingsError(
            f"model: expected 'finetuned', 'pretrained' or 'scratch', got {config.model!r}"
        )
    control = config.model != "finetuned"
    here = simulate if config.posterior and not control else None
    result = finetune_model(
        agent.model,
        episodes,
        here or (lambda _: agent.real.all()),
        replace(config, real_shares=(1.0,)) if config.model == "scratch" else config,
        progress,
        task=agent.task,
        start=(lambda data: _control_model(agent, data, config)) if control else None,
    )
    report = replace(result.report, accepted=result.report.accepted or control)
    return replace(result, report=report)


def _control_model(
    agent: RefinableAgent, data: FinetuneData, config: FinetuneConfig
) -> DynamicsEnsemble:
    if config.model == "pretrained":
        return agent.model
    sizes = config_of(agent.model)
    friction = config.dry_friction or sizes.dry_friction
    rng = torch.Generator().manual_seed(config.seed)
    fresh = make_ensemble(agent.layout, replace(sizes, dry_friction=friction), rng)
    fit_normalizers(fresh, data.real)
    return fresh


def _refine(
    agent: RefinableAgent, data: FinetuneData, config: FinetuneConfig, progress: Progress
) -> None:
    """Improve policy and critics in the new model from real and simulated starting states."""
    agent.real.clear()
    agent.real.add(data.real)
    agent.blend(config.real_row_share, data.simulated, config.simulated_row_share)
    starts = _mixed_starts(data.real, data.simulated, config)
    agent.measure_disagreement(starts)
    agent.restart_optimizers(config.lr)
    agent.refine(
        config.updates, starts, config.lr, lambda done, total: progress("policy", done, total, {})
    )


def _mixed_starts(real: Transitions, simulated: Transitions, config: FinetuneConfig) -> Transitions:
    """Real rows repeated so that they make up the configured share of the starts."""
    rng = np.random.default_rng(config.seed)
    from_real = round(STARTS * config.real_start_share)
    parts = [real.take(rng.integers(len(real), size=from_real))]
    if from_real < STARTS:
        parts.append(simulated.take(rng.integers(len(simulated), size=STARTS - from_real)))
    return concatenate(parts)
