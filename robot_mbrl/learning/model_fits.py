"""The fits of an agent's ensemble while it learns: by schedule, and early when the machine changes.

Rows are held out as they come, alone or in segments; no fit ever sees them.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robot_mbrl.agents.agent import ModelAgent
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.data.buffer_segments import linked_segments
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.fitting.fit import FitConfig, Source, fit_ensemble, fit_normalizers
from robot_mbrl.models.judging.fresh_error import DriftConfig, has_drifted, one_step_error
from robot_mbrl.models.learned_task import LearnedTask, RewardFitConfig


@dataclass(frozen=True)
class ModelFitsConfig:
    """When and how the ensemble is fitted.

    Attributes:
        every: steps between fits.
        holdout: share of rows by which the ensemble is evaluated, and never fitted.
        holdout_ticks: consecutive rows held out together.
        drift: fits before their time.
        fit: each fit.
        reward_fit: each fit of a learned task.
    """

    every: int
    holdout: float
    holdout_ticks: int
    drift: DriftConfig
    fit: FitConfig
    reward_fit: RewardFitConfig


@dataclass
class ModelFitsReport:
    """What happened.

    Attributes:
        holdout_nll: loss on held-out rows, mean over members, after each fit.
        drifts: one record for each fit before its time, see OnlineReport.
    """

    holdout_nll: list[float] = field(default_factory=list)
    drifts: list[dict[str, float]] = field(default_factory=list)


class ModelFits:
    """Fits of one agent's model to its real transitions.

    Args:
        agent: has the model and the transitions.
        config: settings.
        rows: transitions that there will be.
        rng: draws held-out rows and batches.

    Raises SettingsError when the agent evaluates its model over more ticks than are held out
    together.
    """

    def __init__(
        self, agent: ModelAgent, config: ModelFitsConfig, rows: int, rng: np.random.Generator
    ) -> None:
        if agent.evaluated_ticks > config.holdout_ticks:
            raise SettingsError(
                f"holdout_ticks: {config.holdout_ticks}, but the agent's schedule follows its "
                f"model's error over {agent.evaluated_ticks} ticks; hold out segments of at least "
                "as many"
            )
        self.agent, self.config, self.rng = agent, config, rng
        self.held = np.zeros(rows, dtype=bool)
        self.fitted_at, self.evaluated_at = 0, 0
        self.fresh_errors: list[float] = []
        self.report = ModelFitsReport()

    def hold_out(self, row: int) -> None:
        """Draw whether a row is held out, or which segment of the group that begins with it."""
        share, length = self.config.holdout, self.config.holdout_ticks
        if length == 1:
            self.held[row] = self.rng.uniform() < share
            return
        group = round(1 / share)  # one of each group: of few, chance might leave none
        if row % (group * length) == 0:
            first = row + length * int(self.rng.integers(group))
            self.held[first : first + length] = True

    def held_out(self) -> Transitions:
        """The real transitions that no model was fitted to."""
        data = self.agent.real.all()
        return data.take(np.flatnonzero(self.held[: len(data)]))

    def fit_by_schedule(self, step: int) -> None:
        """Fit where step `step` since the first fit is one of the schedule's."""
        if step % self.config.every == 0:
            self._fit()

    def fit_on_drift(self) -> None:
        """Fit at once where fresh rows are predicted worse than usual."""
        drift, rows = self.config.drift, len(self.agent.real)
        if math.isinf(drift.ratio) or rows - self.evaluated_at < drift.rows:
            return
        fresh = self.agent.real.all().take(slice(self.evaluated_at, None))
        error, self.evaluated_at = one_step_error(self.agent.model, fresh), rows
        if has_drifted(error, self.fresh_errors, drift):
            usual = float(np.mean(self.fresh_errors[-drift.memory :]))
            self.report.drifts.append({"steps": float(rows), "error": error, "usual": usual})
            self._fit()
        self.fresh_errors.append(error)

    def _fit(self) -> None:
        """Refit normalizers and ensemble to everything real, unless that was just done."""
        agent, config, data = self.agent, self.config, self.agent.real.all()
        if self.fitted_at == len(data):
            return
        self.fitted_at = self.evaluated_at = len(data)
        held = self.held[: len(data)]
        train, holdout = data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
        if isinstance(agent.task, LearnedTask):
            agent.task.fit(train, holdout, config.reward_fit, self.rng)
        fit_normalizers(agent.model, train)
        report = fit_ensemble(agent.model, [Source(train, 1.0)], holdout, config.fit, self.rng)
        agent.model_fitted(data, linked_segments(data, held))
        self.report.holdout_nll.append(float(report.holdout_nll.mean()))

    def get_state(self) -> dict[str, Any]:
        """JSON-able, for `set_state`."""
        return {
            "fitted_at": self.fitted_at,
            "evaluated_at": self.evaluated_at,
            "fresh_errors": self.fresh_errors,
            "held": np.flatnonzero(self.held).tolist(),
            "holdout_nll": self.report.holdout_nll,
            "drifts": self.report.drifts,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Put a state back."""
        self.fitted_at, self.evaluated_at = state["fitted_at"], state["evaluated_at"]
        self.fresh_errors = state["fresh_errors"]
        self.held[state["held"]] = True
        self.report = ModelFitsReport(state["holdout_nll"], state["drifts"])
