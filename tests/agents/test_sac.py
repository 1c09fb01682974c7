"""SAC's update against formulas, densities against integrals, values against a solved problem."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_mbrl.agents.sac import Batch, Sac
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.networks.actor import Actor
from robot_mbrl.networks.critics import Critics

OBS, ACT, ROWS = 3, 2, 7
SMALL = SacConfig(actor_hidden=8, critic_hidden=9, batch=ROWS, gamma=0.9)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make(**changes: Any) -> Sac:
    return Sac(OBS, ACT, replace(SMALL, **changes), generator())


def batch(seed: int = 1, rows: int = ROWS) -> Batch:
    rng = generator(seed)
    alive = (torch.arange(rows) % 2).float()
    return Batch(
        torch.randn(rows, OBS, generator=rng),
        torch.rand(rows, ACT, generator=rng) * 2 - 1,
        torch.randn(rows, OBS, generator=rng),
        torch.randn(rows, generator=rng),
        alive,
    )


def noise(seed: int = 2, rows: int = ROWS) -> Tensor:
    return torch.randn(2, rows, ACT, generator=generator(seed))


def test_log_probability_is_that_of_the_squashed_gaussian() -> None:
    actor = Actor(OBS, ACT, 8, generator())
    actor.layers[2].weight.data.mul_(30)  # away from zero mean and unit std
    obs, z = batch().obs, noise()[0]
    mean, log_std = actor(obs)
    gauss = torch.distributions.Normal(mean, log_std.exp())
    squashed = torch.distributions.TransformedDistribution(
        gauss, [torch.distributions.TanhTransform(cache_size=1)]
    )
    action, log_prob = actor.sample(obs, z)
    torch.testing.assert_close(action, torch.tanh(mean + log_std.exp() * z))
    expected = squashed.log_prob(torch.tanh(mean + log_std.exp() * z)).sum(-1)
    torch.testing.assert_close(log_prob, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (0.8, -1.0), (-2.0, 0.7)])
def test_density_integrates_to_one(mean: float, log_std: float) -> None:
    actor = Actor(1, 1, 4, generator())
    for layer in actor.layers:
        layer.weight.data.zero_()
    actor.layers[2].bias.data[0, 0] = torch.tensor([mean, log_std])
    z = torch.linspace(-7, 7, 20_001)[:, None]
    with torch.no_grad():
        action, log_prob = actor.sample(torch.zeros(len(z), 1), z)
    a = action[:, 0].double().numpy()
    density = log_prob.double().exp().numpy()
    inside = np.flatnonzero(np.diff(a) > 0)  # float32 ends where tanh saturates
    area = ((density[inside] + density[inside + 1]) / 2 * np.diff(a)[inside]).sum()
    assert area == pytest.approx(1.0, abs=5e-3)


def test_extreme_actions_keep_a_finite_log_probability_and_gradient() -> None:
    actor = Actor(OBS, ACT, 8, generator())
    actor.layers[2].bias.data[..., :ACT] = 60.0
    action, log_prob = actor.sample(batch().obs, noise()[0])
    assert torch.isfinite(log_prob).all()
    assert action.abs().max() <= 1
    log_prob.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in actor.parameters())


def test_untrained_policy_acts_close_to_zero_and_deterministically() -> None:
    actor = Actor(OBS, ACT, 8, generator())
    obs = batch().obs
    assert actor.act(obs).abs().max() < 0.3
    assert torch.equal(actor.act(obs), actor.act(obs))
    torch.testing.assert_close(actor.act(obs), actor.sample(obs, torch.zeros(ROWS, ACT))[0])


def widen(actor: Actor) -> None:
    """Away from zero actions and unit spread, some log-stds beyond their bounds."""
    with torch.no_grad():
        actor.layers[2].weight.mul_(60)


def hand_target(sac: Sac, data: Batch, z: Tensor) -> Tensor:
    """r + gamma alive (min_c Q_c(s', a') - alpha log pi(a' | s')), term by term."""
    mean, log_std = sac.actor(data.next_obs)
    u = mean + log_std.exp() * z
    gauss = torch.distributions.Normal(mean, log_std.exp()).log_prob(u)
    log_pi = (gauss - torch.log(1 - torch.tanh(u) ** 2)).sum(-1)
    q = sac.targets(data.next_obs, torch.tanh(u))
    soft = q.min(0).values - sac.temperature * log_pi
    return (data.reward + 0.9 * data.alive * soft).detach()


KINDS: list[dict[str, Any]] = [
    {},
    {"layer_norm": False},
    {"critics": 1},
    {"critics": 4, "layer_norm": False},
]


@pytest.mark.parametrize("kind", KINDS)
def test_critics_descend_the_bellman_error_of_the_hand_computed_target(
    kind: dict[str, Any],
) -> None:
    sac, data, z = make(temperature=0.3, **kind), batch(), noise()
    for p in sac.targets.parameters():
        p.data += 0.1 * torch.randn(p.shape, generator=generator(5))
    error = sac.critics(data.obs, data.action) - hand_target(sac, data, z[0])
    loss = sum(0.5 * (error[c] ** 2).mean() for c in range(len(error)))
    before = [p.detach().clone() for p in sac.critics.parameters()]
    gradients = torch.autograd.grad(loss, list(sac.critics.parameters()))
    sac.critic_optimizer = torch.optim.SGD(list(sac.critics.parameters()), lr=0.5)
    sac.update(data, z)
    for p, b, g in zip(sac.critics.parameters(), before, gradients, strict=True):
        torch.testing.assert_close(p.detach(), b - 0.5 * g, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [*KINDS, {"critics": 3, "subset": 2}])
def test_actor_descends_alpha_log_pi_minus_the_smallest_q_or_redqs_mean(
    kind: dict[str, Any],
) -> None:
    sac, data, z = make(temperature=0.3, **kind), batch(), noise()
    widen(sac.actor)
    sac.critic_optimizer = torch.optim.SGD(list(sac.critics.parameters()), lr=0.0)
    action, log_prob = sac.actor.sample(data.obs, z[1])
    q = sac.critics(data.obs, action)
    loss = (0.3 * log_prob - (q.mean(0) if sac.config.subset else q.min(0).values)).mean()
    gradients = torch.autograd.grad(loss, list(sac.actor.parameters()))
    before = [p.detach().clone() for p in sac.actor.parameters()]
    sac.actor_optimizer = torch.optim.SGD(list(sac.actor.parameters()), lr=0.5)
    sac.update(data, z)
    for p, b, g in zip(sac.actor.parameters(), before, gradients, strict=True):
        torch.testing.assert_close(p.detach(), b - 0.5 * g, atol=1e-5, rtol=1e-4)


def test_terminated_rows_do_not_bootstrap() -> None:
    """Whatever lies behind a termination, the update is the same; behind a live row it is not."""
    rows = batch()
    for alive, same in [(0.0, True), (1.0, False)]:
        results = []
        for shift in (0.0, 5.0):
            sac = make()
            data = replace(rows, alive=torch.full((ROWS,), alive), next_obs=rows.next_obs + shift)
            sac.update(data, noise())
            results.append(sac.critics.layers[0].weight.detach().clone())
        assert torch.equal(*results) == same


def test_rows_of_the_replay_are_cut_in_order() -> None:
    rows = torch.arange(2 * (2 * OBS + ACT + 2)).reshape(2, -1).float()
    rows[0, -1], rows[1, -1] = 1.0, 0.0  # terminated
    data = Batch.from_rows(rows, OBS, ACT)
    assert data.obs[0].tolist() == [0, 1, 2]
    assert data.action[0].tolist() == [3, 4]
    assert data.next_obs[0].tolist() == [5, 6, 7]
    assert data.reward.tolist() == [8, 18]
    assert data.alive.tolist() == [0, 1]


def test_targets_take_a_polyak_step() -> None:
    sac = make(tau=0.25)
    old = [p.detach().clone() for p in sac.targets.parameters()]
    sac.update(batch(), noise())
    for target, before, critic in zip(
        sac.targets.parameters(), old, sac.critics.parameters(), strict=True
    ):
        torch.testing.assert_close(target, 0.75 * before + 0.25 * critic)
        assert not target.requires_grad or target.grad is None


def test_average_actor_follows_slowly() -> None:
    sac = make(actor_average=0.75)
    old = [p.detach().clone() for p in sac.average.parameters()]
    sac.update(batch(), noise())
    for average, before, actor in zip(
        sac.average.parameters(), old, sac.actor.parameters(), strict=True
    ):
        torch.testing.assert_close(average, 0.75 * before + 0.25 * actor)


def test_actor_and_temperature_move_every_policy_delay_updates() -> None:
    sac = make(policy_delay=3)
    moved = []
    for step in range(7):
        actor, critic = sac.actor.layers[0].weight.clone(), sac.critics.layers[0].weight.clone()
        temperature = sac.temperature
        sac.update(batch(step), noise(step))
        assert not torch.equal(critic, sac.critics.layers[0].weight)
        moved.append(not torch.equal(actor, sac.actor.layers[0].weight))
        assert moved[-1] == (temperature != sac.temperature)
    assert moved == [True, False, False, True, False, False, True]


@pytest.mark.parametrize(("target", "sign"), [(50.0, 1), (-50.0, -1)])
def test_temperature_rises_while_entropy_is_below_its_target(target: float, sign: int) -> None:
    sac = make(target_entropy=target, policy_delay=1)
    temperatures = [sac.temperature]
    for step in range(5):
        sac.update(batch(step), noise(step))
        temperatures.append(sac.temperature)
    assert (np.diff(temperatures) * sign > 0).all()


@pytest.mark.slow
def test_temperature_settles_where_entropy_is_its_target() -> None:
    """One-step bandit with reward -5 |a|^2: the soft-optimal policy is a Gaussian of variance
    alpha / 10, of entropy .5 log(2 pi e alpha / 10); it is -.5 per actuator at alpha = .215."""
    sac = Sac(
        OBS,
        ACT,
        replace(SMALL, critic_hidden=32, target_entropy=-0.5, policy_delay=1, lr=4e-3),
        generator(),
    )
    temperatures = []
    for step in range(900):
        data = replace(batch(step, 64), alive=torch.zeros(64))
        data = replace(data, reward=-5 * (data.action**2).sum(-1))
        sac.update(data, noise(step, 64))
        temperatures.append(sac.temperature)
    expected = 10 * math.exp(2 * -0.5) / (2 * math.pi * math.e)
    # Within a factor of 2: the critics round off the top of the parabola.
    assert expected / 2 < float(np.mean(temperatures[-200:])) < expected * 2
    log_prob = sac.actor.sample(data.obs, noise(5000, 64)[0])[1]
    assert -log_prob.mean().item() == pytest.approx(-0.5 * ACT, abs=0.35)


def test_layer_norm_switch() -> None:
    """Normalized hidden layers do not see the scale of the first layer; without, the value does."""
    data = batch()
    for layer_norm in (True, False):
        critics = Critics(OBS, ACT, 2, 8, generator(), layer_norm=layer_norm)
        before = critics(data.obs, data.action)
        critics.layers[0].weight.data *= 20
        after = critics(data.obs, data.action)
        assert torch.allclose(before, after, atol=1e-2) == layer_norm


def test_critics_are_independent_functions() -> None:
    critics = Critics(OBS, ACT, 4, 8, generator())
    data = batch()
    q = critics(data.obs, data.action)
    assert q.shape == (4, ROWS)
    q[2].sum().backward()
    for layer in critics.layers:
        assert layer.weight.grad[2].abs().max() > 0
        assert layer.weight.grad[[0, 1, 3]].abs().max() == 0


def test_learning_rate_is_constant_then_falls_geometrically() -> None:
    sac = make(lr=1e-3, final_lr=1e-5, decay_from=0.6)
    assert sac.learning_rate_at(0.0) == sac.learning_rate_at(0.6) == 1e-3
    assert sac.learning_rate_at(0.8) == pytest.approx(1e-4)
    assert sac.learning_rate_at(1.0) == pytest.approx(1e-5)
    sac.set_learning_rate(7e-4)
    for optimizer in (sac.actor_optimizer, sac.critic_optimizer):
        assert [g["lr"] for g in optimizer.param_groups] == [7e-4]
    assert make(decay_from=1.0).learning_rate_at(1.0) == pytest.approx(SMALL.lr)


def test_observation_statistics_reach_every_network() -> None:
    sac = make()
    obs = np.random.default_rng(0).standard_normal((200, OBS)) * [1, 10, 100] + 5
    sac.set_observation_statistics(obs)
    for network in (sac.actor, sac.average, sac.critics, sac.targets):
        np.testing.assert_allclose(network.inputs.mean.numpy(), obs.mean(0), rtol=1e-5)
        assert torch.equal(network.inputs.matrix, sac.actor.inputs.matrix)


def test_same_numbers_in_same_numbers_out() -> None:
    weights = []
    for _ in range(2):
        sac = make()
        for step in range(5):
            sac.update(batch(step), noise(step))
        weights.append(torch.cat([p.flatten() for p in sac.actor.parameters()]))
    assert torch.equal(*weights)


@pytest.mark.slow
def test_two_states_with_known_values_are_learned() -> None:
    """A leads to B and B to A whatever one does; A pays 1 - (a - .5)^2, B pays -(a + .5)^2. Best
    action is .5 in A, -.5 in B; with gamma .5, V(A) = 1 / (1 - .25) and V(B) = .5 V(A)."""
    config = replace(
        SMALL, gamma=0.5, actor_hidden=24, critic_hidden=32, temperature=1e-4, target_entropy=-20.0,
        tau=0.05, policy_delay=1, lr=3e-3,
    )  # fmt: skip
    sac, rng = Sac(2, 1, config, generator()), generator(3)
    states = torch.eye(2)
    for _ in range(900):
        index = torch.randint(2, (64,), generator=rng)
        action = torch.rand(64, 1, generator=rng) * 2 - 1
        best = torch.where(index == 0, 0.5, -0.5)
        reward = (index == 0).float() - (action[:, 0] - best) ** 2
        data = Batch(states[index], action, states[1 - index], reward, torch.ones(64))
        sac.update(data, torch.randn(2, 64, 1, generator=rng))
    with torch.no_grad():
        actions = sac.actor.act(states)
        values = sac.critics(states, actions).mean(0)
    assert actions[:, 0].tolist() == pytest.approx([0.5, -0.5], abs=0.12)
    assert values.tolist() == pytest.approx([4 / 3, 2 / 3], abs=0.1)
    with torch.no_grad():
        q = sac.critics(states[:1].expand(5, 2), torch.linspace(-1, 1, 5)[:, None]).mean(0)
    expected = 4 / 3 - (np.linspace(-1, 1, 5) - 0.5) ** 2
    np.testing.assert_allclose(q.numpy(), expected, atol=0.2)


def test_restarted_optimizers_forget_their_moments_not_the_weights() -> None:
    sac = make()
    for step in range(3):
        sac.update(batch(step), noise(step))
    weights = sac.actor.layers[0].weight.detach().clone()
    sac.restart_optimizers(2e-4)
    assert torch.equal(weights, sac.actor.layers[0].weight)
    assert not sac.actor_optimizer.state_dict()["state"]
    assert sac.updates == 0
    assert math.isclose(sac.actor_optimizer.param_groups[0]["lr"], 2e-4)
