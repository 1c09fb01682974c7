"""One function finetunes a model, whether many short episodes were recorded or one long log."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from robot_mbrl.data.segment import Segment, transitions_of
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.learning.finetune.config import FinetuneConfig
from robot_mbrl.learning.finetune.model import ModelFinetuning, finetune_model
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig
from tests.support.constant_speed import biased, coasting, layout

SMALL = FinetuneConfig(
    error_steps=4,
    part_ticks=10,
    dry_friction=False,
    fit=FitConfig(steps=80, lr=5e-3, check_every=10, multistep_weight=1.0),
)
MANY = {f"{k}": [coasting(layout(1.0), 20, speed=1.0 + k)] for k in range(5)}
ONE_LONG = {"log": [coasting(layout(1.0), 60)]}


def like_real(segments: list[Segment]) -> Transitions:
    """A simulator that is right."""
    return transitions_of(segments)


def tuned(
    model: DynamicsEnsemble, episodes: dict[str, list[Segment]], config: FinetuneConfig = SMALL
) -> ModelFinetuning:
    return finetune_model(model, episodes, like_real, config, lambda *_: None)


@pytest.mark.parametrize(("episodes", "whole"), [(MANY, 1), (ONE_LONG, 0)], ids=["many", "one"])
def test_a_bias_is_removed_from_many_episodes_and_from_one_long_log(
    episodes: dict[str, list[Segment]], whole: int
) -> None:
    wrong = biased(layout(1.0), [5e-3, 5e-3])
    result = tuned(wrong, episodes)
    assert result.report.accepted
    assert result.report.error_after_rad < 0.5 * result.report.error_before_rad
    assert len(result.report.holdout_episodes) == whole
    assert len(result.data.real) == result.report.train_transitions
    assert wrong.layers[2].bias[0, 0, 0].item() == pytest.approx(5e-3)  # stays as it is


def test_a_perfect_model_is_kept() -> None:
    assert not tuned(biased(layout(1.0), [0.0, 0.0]), ONE_LONG).report.accepted


def test_the_simulator_is_asked_for_worlds_like_the_training_segments_alone() -> None:
    asked: list[Any] = []

    def simulate(segments: Any) -> Transitions:
        asked.append(segments)
        return transitions_of(segments)

    model = biased(layout(1.0), [5e-3, 5e-3])
    result = finetune_model(model, MANY, simulate, SMALL, lambda *_: None)
    [segments] = asked
    assert sum(map(len, segments)) == result.report.train_transitions
    assert len(segments) == 4


def test_windows_are_as_long_as_errors_are_measured() -> None:
    data = tuned(biased(layout(1.0), [5e-3, 5e-3]), MANY, replace(SMALL, error_steps=3)).data
    assert data.real_windows.ticks == data.held_windows.ticks == data.simulated_windows.ticks == 3


def test_a_start_of_its_own_is_fitted_and_the_old_model_itself_is_left_alone() -> None:
    model, other = biased(layout(1.0), [0.0, 0.0]), biased(layout(1.0), [5e-3, 5e-3])
    result = finetune_model(
        model, ONE_LONG, like_real, SMALL, lambda *_: None, start=lambda data: other
    )
    assert result.model is other and not torch.equal(
        other.layers[2].bias, biased(layout(1.0), [5e-3, 5e-3]).layers[2].bias
    )
    before = model.layers[2].bias.clone()
    same = finetune_model(
        model, ONE_LONG, like_real, SMALL, lambda *_: None, start=lambda data: model
    )
    assert same.model is model and torch.equal(model.layers[2].bias, before)
