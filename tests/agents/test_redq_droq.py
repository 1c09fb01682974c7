"""Options of SAC for many updates per step: REDQ's subsets of critics and DroQ's dropout."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from robot_mbrl.agents.sac import Batch, Sac
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract.errors import SettingsError

OBS, ACT, ROWS = 3, 2, 7
SMALL = SacConfig(actor_hidden=8, critic_hidden=9, batch=ROWS, gamma=0.5, critics=5)


def make(**changes: Any) -> Sac:
    return Sac(OBS, ACT, replace(SMALL, **changes), torch.Generator().manual_seed(0))


def batch(seed: int = 1) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    obs, next_obs = torch.randn(2, ROWS, OBS, generator=rng)
    action = torch.rand(ROWS, ACT, generator=rng) * 2 - 1
    return Batch(obs, action, next_obs, torch.randn(ROWS, generator=rng), torch.ones(ROWS))


def noise(seed: int = 2) -> torch.Tensor:
    return torch.randn(2, ROWS, ACT, generator=torch.Generator().manual_seed(seed))


def bootstrapped_values(sac: Sac, updates: int) -> Counter[int]:
    """What targets of critics that say 0, 1, 2, ... bootstrap from: with a loss (q - y)^2 / 2 a
    gradient step of 1 on a constant critic goes right to y = gamma m."""
    for network in (sac.critics, sac.targets):
        for p in network.parameters():
            p.data.zero_()
    sac.targets.layers[2].bias.data[:, 0, 0] = torch.arange(5.0)
    bias = sac.critics.layers[2].bias
    sac.critic_optimizer = torch.optim.SGD([bias], lr=1.0)  # type: ignore[assignment]
    found: Counter[int] = Counter()
    for k in range(updates):
        data = replace(batch(k), reward=torch.zeros(ROWS))
        sac.update(data, noise(k))
        value = bias.data.flatten() / 0.5
        assert (value - value.mean()).abs().max() < 1e-4  # all critics have the same target
        found[round(value.mean().item())] += 1
    return found


@pytest.mark.parametrize(
    ("subset", "shares"),
    [(0, [1, 0, 0, 0, 0]), (1, [0.2] * 5), (2, [0.4, 0.3, 0.2, 0.1, 0]), (5, [1, 0, 0, 0, 0])],
)
def test_a_target_is_the_minimum_of_m_critics_drawn_anew(subset: int, shares: list[float]) -> None:
    """Of M out of 5, the smallest is k with the share of subsets whose others are all above k."""
    sac = make(subset=subset, tau=0.0, temperature=1e-9, lr=0.0, policy_delay=10_000)
    found = bootstrapped_values(sac, 400)
    assert [found[k] / 400 for k in range(5)] == pytest.approx(shares, abs=0.09)


def weights(sac: Sac, updates: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    for k in range(updates):
        sac.update(batch(k), noise(k))
    return sac.critics.layers[0].weight.detach(), sac.actor.layers[0].weight.detach()


@pytest.mark.parametrize("change", [{"subset": 2}, {"dropout": 0.1}, {"critics": 3}])
def test_each_option_changes_what_is_learned_and_reproduces(change: dict[str, Any]) -> None:
    base, turned, again = weights(make()), weights(make(**change)), weights(make(**change))
    for plain, other, same in zip(base, turned, again, strict=True):
        assert plain.shape != other.shape or not torch.equal(plain, other)
        assert torch.equal(other, same)


def test_with_a_subset_of_all_only_the_actor_differs() -> None:
    """The minimum over all critics either way; the actor climbs their mean instead of it."""
    (critics, actor), (redq_critics, redq_actor) = weights(make(), 1), weights(make(subset=5), 1)
    assert torch.equal(critics, redq_critics)
    assert not torch.equal(actor, redq_actor)


def test_without_subset_and_dropout_nothing_is_drawn() -> None:
    """So that a run's other random numbers stay what they were."""
    for change, drawn in [({}, False), ({"subset": 2}, True), ({"dropout": 0.1}, True)]:
        sac = make(**change)  # type: ignore[arg-type]
        before = sac.rng.get_state()
        sac.update(batch(), noise())
        assert (not torch.equal(before, sac.rng.get_state())) == drawn


def test_values_of_a_trained_agent_drop_nothing() -> None:
    sac, data = make(dropout=0.5), batch()
    assert torch.equal(*(sac.critics(data.obs, data.action) for _ in range(2)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subset": 6}, "expected 0 .* to 5, the number of critics, got 6"),
        ({"subset": -1}, "got -1"),
        ({"dropout": 1.0}, r"\[0, 1\), got 1"),
    ],
)
def test_impossible_options_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make(**change)
