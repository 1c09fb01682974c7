import math

import numpy as np
import pytest
import torch

from robot_mbrl.models.ensemble.ensemble import (
    FRICTION_START,
    LOG_STD_MAX,
    LOG_STD_MIN,
    SLIP,
    BatchedLinear,
    DynamicsEnsemble,
)
from tests.support.linear_model import ensemble, layout, transitions


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    t = transitions(7, 0)
    return torch.as_tensor(t.obs), torch.as_tensor(t.action)


def test_batched_linear_is_one_linear_layer_for_each_member() -> None:
    rng = torch.Generator().manual_seed(0)
    layer = BatchedLinear(3, 4, 5, rng)
    x = torch.randn(3, 6, 4, generator=rng)
    layer.bias.data = torch.randn(3, 1, 5, generator=rng)
    for e in range(3):
        expected = torch.nn.functional.linear(x[e], layer.weight[e].T, layer.bias[e, 0])
        torch.testing.assert_close(layer(x)[e], expected)
    assert layer.weight.abs().max() <= 1 / math.sqrt(4)


def test_log_std_is_softly_bounded(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Within the bounds always, close to the raw value between them, with gradient everywhere."""
    model = ensemble()
    obs, action = (model.spread(x) for x in data)
    model.layers[2].weight.data.zero_()
    for raw, low, high in [(1e4, LOG_STD_MAX - 1e-3, LOG_STD_MAX + 0.01), (-1e4, -6.0, -5.99)]:
        model.layers[2].bias.data[..., 2:] = raw
        log_std = model.residual(obs, action)[1]
        assert low <= log_std.min()
        assert log_std.max() <= high
    for raw in (-4.0, -3.0, -2.0):
        model.layers[2].bias.data[..., 2:] = raw
        assert model.residual(obs, action)[1].mean().item() == pytest.approx(raw, abs=0.15)
    bias = model.layers[2].bias
    bias.data[..., 2:] = LOG_STD_MIN - 3.0
    model.residual(obs, action)[1].sum().backward()
    assert (bias.grad[..., 2:] > 0).all()


def test_an_untrained_residual_of_zero_means_constant_velocity(
    data: tuple[torch.Tensor, torch.Tensor],
) -> None:
    model = ensemble()
    model.layers[2].weight.data.zero_()
    obs, action = data
    mean, _ = model.increments(model.spread(obs), model.spread(action))
    expected = layout().velocities(obs) * layout().dt
    torch.testing.assert_close(mean, expected.expand(3, -1, -1))


def test_increments_undo_what_target_does(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    """A network that outputs exactly the target predicts exactly the increment."""
    model = ensemble()
    model.outputs.mean.copy_(torch.tensor([0.1, -0.2]))
    model.outputs.std.copy_(torch.tensor([0.01, 3.0]))
    obs, action = data
    dq = torch.randn(7, 2, generator=torch.Generator().manual_seed(1))
    target = model.target(obs, dq)
    model.residual = lambda o, a: (target.expand(3, -1, -1), torch.zeros(3, 7, 2))  # type: ignore[method-assign]
    mean, std = model.increments(model.spread(obs), model.spread(action))
    torch.testing.assert_close(mean, dq.expand(3, -1, -1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(std[0, 0], torch.tensor([0.01, 3.0]))


def test_members_are_independent(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = ensemble()
    mean, log_std = model.residual(*(model.spread(x) for x in data))
    (mean[1].sum() + log_std[1].sum()).backward()
    for layer in model.layers:
        assert layer.weight.grad[1].abs().max() > 0
        assert layer.weight.grad[[0, 2]].abs().max() == 0
        assert layer.bias.grad[[0, 2]].abs().max() == 0


def test_members_start_differently() -> None:
    model = ensemble()
    for layer in model.layers:
        assert (layer.weight[0] != layer.weight[1]).all()


def rubbing(raw: float) -> DynamicsEnsemble:
    """An ensemble that knows nothing but its friction."""
    model = ensemble(dry_friction=True)
    model.outputs.std.copy_(torch.tensor([0.01, 0.02]))
    model.layers[2].weight.data.zero_()
    model.layers[2].bias.data[..., 4:] = raw - FRICTION_START
    return model


def test_dry_friction_takes_a_fixed_step_and_holds_what_is_slower() -> None:
    """softplus(1) = 1.3133 residual spreads: 0.013133 rad and 0.026265 rad a tick."""
    model, plant = rubbing(1.0), layout()
    obs = torch.zeros(3, 3, plant.size)
    slow, fast = torch.tensor([0.010, -0.020]), torch.tensor([0.100, -0.200])
    velocities = [plant.column(f"{j}.velocity") for j in plant.joints]
    obs[:, 1, velocities], obs[:, 2, velocities] = slow / plant.dt, fast / plant.dt
    dq, _ = model.increments(obs, torch.zeros(3, 3, 3))
    step = torch.tensor([0.013133, -0.026265])
    torch.testing.assert_close(dq[0, 0], torch.zeros(2))
    torch.testing.assert_close(dq[0, 1], SLIP * slow, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(dq[0, 2], fast - (1 - SLIP) * step, atol=1e-6, rtol=1e-4)


def test_what_is_held_still_learns() -> None:
    model = rubbing(1.0)
    obs = torch.zeros(3, 1, layout().size)
    model.increments(obs + 1e-4, torch.zeros(3, 1, 3))[0].sum().backward()
    assert model.layers[2].bias.grad[..., :2].abs().min() > 0


@pytest.mark.parametrize("dry_friction", [False, True])
def test_elite_model_is_the_subset(
    data: tuple[torch.Tensor, torch.Tensor], dry_friction: bool
) -> None:
    model = ensemble(members=5, dry_friction=dry_friction)
    model.elites = torch.tensor([1, 4])
    model.outputs.std.copy_(torch.tensor([0.3, 0.2]))
    model.std_scale.copy_(torch.tensor([2.0, 0.5]))
    few = model.elite_model()
    assert few.members == 2
    assert few.elites.tolist() == [0, 1]
    whole = model.increments(*(model.spread(x) for x in data))
    subset = few.increments(*(few.spread(x) for x in data))
    for all_members, elites in zip(whole, subset, strict=True):
        torch.testing.assert_close(elites, all_members[[1, 4]])
    torch.testing.assert_close(few.disagreement(subset[0]), model.disagreement(whole[0]))
    few.layers[0].weight.data.zero_()
    assert model.layers[0].weight.abs().max() > 0


def test_disagreement_is_the_spread_of_the_elites_in_units_of_the_data() -> None:
    model = ensemble(members=4)
    model.elites = torch.tensor([0, 2, 3])
    model.outputs.std.copy_(torch.tensor([0.5, 2.0]))
    mean = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0))
    per_joint = mean[[0, 2, 3]].numpy().std(0) / np.array([0.5, 2.0])
    expected = np.sqrt((per_joint**2).mean(-1))
    np.testing.assert_allclose(model.disagreement(mean).numpy(), expected, rtol=1e-5)
    assert model.disagreement(torch.ones(4, 6, 2)).max() < 1e-5


def sampling_model() -> DynamicsEnsemble:
    """Members that predict residuals 0, 1, 2, 3 with standard deviation 0.1, and nothing else."""
    model = ensemble(members=4)
    model.layers[2].weight.data.zero_()
    model.layers[2].bias.data[..., 2:] = math.log(0.1)
    for e in range(4):
        model.layers[2].bias.data[e, 0, :2] = float(e)
    return model


def test_sample_draws_each_row_from_one_elite() -> None:
    model, rows = sampling_model(), 6000
    model.elites = torch.tensor([1, 3])
    t = transitions(rows, 0)
    obs, action = torch.as_tensor(t.obs), torch.as_tensor(t.action)
    with torch.no_grad():
        next_obs, disagreement = model.sample(obs, action, torch.Generator().manual_seed(0))
    dq = layout().increments(t.obs.astype(float), next_obs.double().numpy())
    residual = dq - layout().velocities(t.obs) * layout().dt
    residual[:, 1] = np.mod(residual[:, 1] + np.pi, 2 * np.pi) - np.pi
    member = np.round(residual[:, 0])
    assert set(member.tolist()) == {1.0, 3.0}
    assert (member == 1).mean() == pytest.approx(0.5, abs=0.03)
    assert (residual[:, 0] - member).std() == pytest.approx(0.1, rel=0.07)
    np.testing.assert_allclose(disagreement.numpy(), 1.0, rtol=1e-4)


def test_same_generator_same_sample(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = sampling_model()
    a, b, c = (model.sample(*data, torch.Generator().manual_seed(s))[0] for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_advance_is_each_members_mean(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = sampling_model()
    obs, action = (model.spread(x) for x in data)
    got = model.advance(obs, action)
    slide = layout().column("slide.position")
    moved = got[:, :, slide] - obs[:, :, slide] - layout().velocities(obs)[..., 0] * layout().dt
    torch.testing.assert_close(moved, torch.arange(4.0)[:, None].expand(4, 7), atol=1e-5, rtol=0)
