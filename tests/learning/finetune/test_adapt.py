"""Stretches held out, blending, and the gate of adaptation."""

import dataclasses

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.learning.finetune.model import AdaptConfig, adapt, cut_evenly, split_stretches
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.models.fitting.multistep import Windows, blend_windows
from tests.models.judging.test_rollout_error import biased, coasting, layout

SMALL = AdaptConfig(
    ticks=4, stretch_ticks=10, fit=FitConfig(steps=60, check_every=10, multistep_weight=1.0)
)


def numbered(rows: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(first, first + rows, dtype=float)[:, None], np.zeros((rows, 1))


def test_stretches_cover_every_row_once() -> None:
    parts = cut_evenly(numbered(47), 10)
    assert [len(o) for o, _ in parts] == [9, 9, 10, 9, 10]
    np.testing.assert_array_equal(np.concatenate([o for o, _ in parts])[:, 0], np.arange(47))


def test_held_out_stretches_share_no_row_with_training_and_rotate() -> None:
    runs, held = [numbered(80), numbered(3, first=100)], []
    for offset in range(4):
        split = split_stretches(runs, SMALL, offset)
        train = {x for o, _ in split.train for x in o[:, 0]}
        out = {x for o, _ in split.held for x in o[:, 0]}
        assert not train & out
        assert len(train | out) == 83
        held.append(out)
    assert len(set.union(*held)) == 80  # what is too short to judge on is never held out


def test_too_little_log_is_an_error() -> None:
    with pytest.raises(DataError, match="longer runs"):
        split_stretches([numbered(9)], SMALL)


def windows_at(value: float, count: int) -> Windows:
    shape = torch.full((count, 3), value), torch.full((count, 4, 1), value)
    return Windows(*shape, torch.full((count, 4, 2), value))


@pytest.mark.parametrize(("share", "simulated"), [(1.0, 0), (0.5, 6), (0.25, 18)])
def test_blending_keeps_every_real_window(share: float, simulated: int) -> None:
    rng = np.random.default_rng(0)
    blend = blend_windows(windows_at(1.0, 6), windows_at(2.0, 5), share, rng)
    assert (blend.obs[:, 0] == 1.0).sum() == 6
    assert (blend.obs[:, 0] == 2.0).sum() == simulated


def steps_of(pieces: list[tuple[np.ndarray, np.ndarray]]) -> Transitions:
    obs = np.concatenate([o[:-1] for o, _ in pieces]).astype(np.float32)
    after = np.concatenate([o[1:] for o, _ in pieces]).astype(np.float32)
    action = np.concatenate([a[:-1] for _, a in pieces]).astype(np.float32)
    nothing = np.zeros(len(obs), np.float32)
    return Transitions(obs, action, after, nothing, nothing > 0)


def test_adaptation_removes_a_bias_and_never_returns_something_worse() -> None:
    plant = layout(1.0)
    split = split_stretches([coasting(plant, 60)], SMALL)
    real = steps_of(split.train), steps_of(split.held)
    wrong, right = biased(plant, [5e-3, 5e-3]), biased(plant, [0.0, 0.0])
    better = adapt(wrong, split, real, None, SMALL, 0)
    assert better.accepted
    assert min(better.candidates.values()) < 0.5 * better.error_before_rad
    assert wrong.layers[2].bias[0, 0, 0].item() == pytest.approx(5e-3)
    perfect = adapt(right, split, real, None, SMALL, 0)
    assert not perfect.accepted
    assert perfect.model is right


def test_every_share_is_a_candidate() -> None:
    plant = layout(1.0)
    split = split_stretches([coasting(plant, 60)], SMALL)
    real = steps_of(split.train), steps_of(split.held)
    model = biased(plant, [5e-3, 5e-3])
    simulated = real[0], Windows.cut(model, split.train, SMALL.ticks)
    config = dataclasses.replace(SMALL, real_window_shares=(0.9, 0.5, 0.2))
    assert set(adapt(model, split, real, simulated, config, 0).candidates) == {0.9, 0.5, 0.2}
