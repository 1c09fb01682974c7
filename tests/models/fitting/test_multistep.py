"""Multi-step loss against errors that are known in closed form."""

import numpy as np
import pytest
import torch

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig, Source, fit_ensemble
from robot_mbrl.models.fitting.multistep import (
    WindowBatch,
    blend_windows,
    error_scale,
    multistep_loss,
    travel_error,
)
from robot_mbrl.models.judging.open_loop import open_loop_error
from tests.support.constant_speed import biased, coasting, layout

STEPS = 4


def biased_members(*bias: float) -> DynamicsEnsemble:
    """Member e predicts constant velocity plus bias[e] on both joints."""
    model = biased(layout(1.0), [0.0, 0.0], members=len(bias))
    for e, b in enumerate(bias):
        model.layers[2].bias.data[e, 0, :2] = b
    return model


def windows() -> WindowBatch:
    plant = layout(1.0)
    cut = Windows.cut([coasting(plant, 9), coasting(plant, 11, speed=-1.0)], STEPS)
    return WindowBatch.of(plant, cut)


def test_travel_of_every_window() -> None:
    w = windows()
    assert len(w) == (9 - 4) + (11 - 4)
    assert w.obs.shape == (12, layout(1.0).size)
    assert w.action.shape == (12, STEPS, 2)
    dt = layout(1.0).dt
    expected = (
        torch.arange(1, STEPS + 1)[None, :, None] * dt * torch.tensor([2.0, -1.0])[:, None, None]
    )
    torch.testing.assert_close(w.travel[:5], expected[0].expand(5, STEPS, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(w.travel[5:], expected[1].expand(7, STEPS, 2), atol=1e-5, rtol=0)


def test_travel_error_of_a_constant_bias_is_triangular() -> None:
    """b fed back through the velocity: b k (k + 1) / 2 after k ticks, for each member its own."""
    model = biased_members(0.0, 1e-3, -3e-3)
    w = windows()
    index = torch.tensor([[0, 5], [7, 1], [2, 2]])
    error = travel_error(model, w.at(index))
    assert error.shape == (STEPS, 3, 2, 2)
    for k in range(STEPS):
        for e, b in enumerate((0.0, 1e-3, -3e-3)):
            expected = b * (k + 1) * (k + 2) / 2
            assert error[k, e].detach().numpy() == pytest.approx(
                np.full((2, 2), expected), abs=2e-6
            )


def test_loss_is_the_squared_error_in_units_of_the_scale() -> None:
    model = biased_members(1e-3, 2e-3)
    w = windows()
    index = torch.arange(len(w)).expand(2, -1)
    triangle = np.array([1, 3, 6, 10])
    expected = [np.mean((b * triangle / 0.5) ** 2) for b in (1e-3, 2e-3)]
    loss = multistep_loss(model, w.at(index), torch.full((STEPS, 1, 1, 2), 0.5))
    assert loss.tolist() == pytest.approx(expected, rel=1e-2)
    assert multistep_loss(model, w.at(index), error_scale(model, w)).mean().item() == pytest.approx(
        1.0
    )


def test_members_do_not_touch_one_another() -> None:
    model = biased_members(1e-3, 2e-3)
    w = windows()
    loss = multistep_loss(model, w.at(torch.zeros(2, 3, dtype=torch.long)), torch.ones(()))
    loss[1].backward()
    assert model.layers[2].bias.grad[1].abs().max() > 0
    assert model.layers[2].bias.grad[0].abs().max() == 0


def pushed_rows(plant: ObservationLayout, rows: int, bias: float) -> Transitions:
    """One-step data of a machine at rest that moves by `bias` in the tick."""
    obs = np.zeros((rows, plant.size))
    obs[:, plant.column("hinge.cos")] = 1.0
    zero = np.zeros(rows, np.float32)
    after = plant.advance(obs, np.full((rows, 2), bias), np.zeros((rows, 2)))
    columns = (x.astype(np.float32) for x in (obs, np.zeros((rows, 2)), after))
    return Transitions(*columns, zero, zero > 0)


@pytest.mark.parametrize(("weight", "believed"), [(0.0, False), (50.0, True)])
def test_weight_of_the_multi_step_loss_matters(weight: float, believed: bool) -> None:
    """One-step rows confirm a bias, windows deny it: the weight decides who is believed."""
    plant = layout(1.0)
    model = biased_members(-2e-2, -2e-2, -2e-2)
    rows, episode = pushed_rows(plant, 50, -2e-2), coasting(plant, 40)
    config = FitConfig(
        steps=150, batch=32, lr=3e-3, check_every=30, multistep_weight=weight, elites=2
    )
    cut = Windows.cut([episode], STEPS)
    before = open_loop_error(model, cut).summary()["rms_rad"]
    fit_ensemble(
        model,
        [Source(rows, 1.0)],
        rows,
        config,
        np.random.default_rng(0),
        windows=cut,
        holdout_windows=cut,
    )
    after = open_loop_error(model, cut).summary()["rms_rad"]
    assert (after < 0.2 * before) == believed


def test_weights_are_kept_by_held_out_multi_step_error() -> None:
    """One-step rows pull away from what held-out windows confirm: compared by windows, nothing
    beats the weights at the start; judged by likelihood, training does."""
    plant = layout(1.0)
    model = biased_members(0.0, 0.0)
    start = {k: v.clone() for k, v in model.layers.state_dict().items()}
    rows = pushed_rows(plant, 60, 0.05)
    config = FitConfig(steps=60, batch=16, lr=1e-2, check_every=20)
    held = Windows.cut([coasting(plant, 20)], STEPS)
    for judge, kept in [(held, True), (None, False)]:
        model.layers.load_state_dict(start)
        rng = np.random.default_rng(0)
        fit_ensemble(model, [Source(rows, 1.0)], rows, config, rng, holdout_windows=judge)
        same = all(torch.equal(v, start[k]) for k, v in model.layers.state_dict().items())
        assert same == kept


def test_a_cap_makes_large_errors_linear() -> None:
    """Errors of 1, 2 and 6 scales under a cap of 2: z^2, z^2, and 2 * 2 * 6 - 2^2 = 20."""
    model = biased_members(1e-3, 2e-3, 6e-3)
    w = windows()
    index = torch.arange(len(w)).expand(3, -1)
    scale = travel_error(biased_members(1e-3), w.at(index[:1])).abs().mean((1, 2), keepdim=True)
    capped = multistep_loss(model, w.at(index), scale.detach(), 2.0)
    assert capped.detach().numpy() == pytest.approx([1.0, 4.0, 20.0], rel=0.01)
    plain = multistep_loss(model, w.at(index), scale.detach())
    assert plain.detach().numpy() == pytest.approx([1.0, 4.0, 36.0], rel=0.01)


def test_the_robust_scale_does_not_see_a_push() -> None:
    model = biased_members(1e-2)
    calm = windows()
    pushed = WindowBatch(calm.obs, calm.action, calm.travel.clone())
    pushed.travel[0] += 5.0
    robust = error_scale(model, calm, robust=True)
    torch.testing.assert_close(error_scale(model, pushed, robust=True), robust, rtol=0.01, atol=0)
    assert (error_scale(model, pushed) > 10 * error_scale(model, calm)).any()


@pytest.mark.parametrize(
    ("share", "there", "real", "simulated"),
    [(0.25, 40, 10, 30), (0.9, 40, 10, 1), (1.0, 40, 10, 0), (0.0, 40, 0, 40), (0.25, 0, 10, 0)],
)
def test_a_blend_has_the_share_of_real_windows(
    share: float, there: int, real: int, simulated: int
) -> None:
    width = layout(1.0).size

    def of(count: int, value: float) -> Windows:
        return Windows(np.full((count, 4, width), value), np.zeros((count, 3, 1)))

    blend = blend_windows(of(10, 1.0), of(there, 2.0), share, np.random.default_rng(0))
    assert int((blend.obs[:, 0, 0] == 1.0).sum()) == real
    assert int((blend.obs[:, 0, 0] == 2.0).sum()) == simulated
