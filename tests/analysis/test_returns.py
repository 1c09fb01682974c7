"""Return estimates where the true return is a closed form."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_mbrl.analysis.recordings import Recording
from robot_mbrl.analysis.returns import measure_return_error
from robot_mbrl.contract.errors import DataError
from tests.support.coasting import SPEED, biased, coast, layout

GAMMA, HORIZON = 0.8, 7
POSITION = layout().column("slide.position")
H = np.arange(1, HORIZON + 1)


class Constant:
    """Reward 1 a tick until the position passes `wall`."""

    def __init__(self, wall: float = np.inf) -> None:
        self.wall = wall

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return 0 * next_obs[..., POSITION] + 1

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return next_obs[..., POSITION] > self.wall


class ByPosition(Constant):
    """Reward is the position."""

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return next_obs[..., POSITION]


def agent(value: Any, task: Any = None, bias: float = 0.0) -> Any:
    """Two critics that agree on `value(obs)`."""
    return SimpleNamespace(
        model=biased(bias, bias, elites=[0, 1]),
        task=task or Constant(),
        config=SimpleNamespace(sac=SimpleNamespace(gamma=GAMMA)),
        sac=SimpleNamespace(
            critics=lambda obs, action: torch.stack([value(obs)] * 2),
            average=SimpleNamespace(act=lambda obs: torch.zeros(len(obs), 2)),
        ),
    )


def constant(value: float) -> Any:
    return lambda obs: torch.full((len(obs),), value)


def measure(agent: Any, recordings: list[Recording] | None = None) -> Any:
    rng = np.random.default_rng(0)
    return measure_return_error(agent, recordings or [coast(60)], HORIZON, 20, rng)


def test_with_the_true_value_every_horizon_is_right_and_without_the_tail_is_missing():
    """Reward 1 for ever is worth 1 / (1 - gamma); H ticks of it lack gamma^H of that."""
    e = measure(agent(constant(1 / (1 - GAMMA))))
    np.testing.assert_allclose(e.with_value, 0.0, atol=1e-6)
    np.testing.assert_allclose(e.without_value, GAMMA**H / (1 - GAMMA), rtol=1e-6)
    assert e.starts == 20 and e.true_spread == pytest.approx(0.0, abs=1e-6)


def test_a_wrong_value_counts_less_the_longer_the_horizon():
    """Off by 1 it is off by gamma^H, but for what it also adds to the end of the truth."""
    e = measure(agent(constant(1 / (1 - GAMMA) + 1)))
    allowed = GAMMA**e.truth_ticks
    np.testing.assert_allclose(e.with_value, GAMMA**H, atol=allowed)
    np.testing.assert_allclose(e.bias_with_value, GAMMA**H, atol=allowed)
    np.testing.assert_allclose(e.true_states, e.with_value, atol=1e-9)
    assert e.best_horizon == HORIZON
    assert allowed <= 0.05


def test_a_wrong_model_costs_more_the_longer_the_horizon_and_not_at_the_true_states():
    """Reward is the position p, so the value is p / (1 - gamma) + v dt (...), exact; the model's
    bias b puts p off by b k (k + 1) / 2 and v by b k / dt."""
    step, g = SPEED * layout().dt, GAMMA

    def value(obs: torch.Tensor) -> torch.Tensor:
        moved = layout().velocities(obs)[:, 0] * layout().dt
        return (obs[:, POSITION] + moved / (1 - g)) / (1 - g)

    right, wrong = (measure(agent(value, ByPosition(), b)) for b in (0.0, 1e-2))
    np.testing.assert_allclose(right.with_value, 0.0, atol=1e-3 * step + 2e-5)
    np.testing.assert_allclose(wrong.true_states, 0.0, atol=2e-5)
    off, slip = 1e-2 * H * (H + 1) / 2, 1e-2 * H
    expected = np.cumsum(g ** (H - 1) * off) + g**H * (off + slip / (1 - g)) / (1 - g)
    np.testing.assert_allclose(wrong.with_value, expected, rtol=1e-3)
    assert wrong.best_horizon == 1


def test_nothing_counts_after_a_termination():
    """The wall ends each episode: from n ticks before, the return is that of n ticks."""
    step = SPEED * layout().dt
    ended = coast(20)
    wall = 19.5 * step  # the 20th tick passes it
    e = measure(agent(constant(100.0), Constant(wall)), [ended])
    # Starts at ticks 0..13; all H <= 7 ticks are before the end but for the last start's last.
    assert e.starts == 14
    np.testing.assert_allclose(e.without_value[0], _missing(1), rtol=1e-6)
    never = measure(agent(constant(0.0), Constant(wall)), [ended])
    np.testing.assert_allclose(never.with_value, never.without_value)


def _missing(horizon: int) -> float:
    """Root mean square over starts of what `horizon` ticks of 1 lack of the rest."""
    left = 20 - np.arange(14)
    true = (1 - GAMMA**left) / (1 - GAMMA)
    return float(np.sqrt(((true - (1 - GAMMA**horizon) / (1 - GAMMA)) ** 2).mean()))


def test_a_policy_that_acts_differs_where_the_actions_do():
    """Recorded actions are 0 and the policy's 0.5; the reward is the first action."""
    other = agent(constant(0.0), ByPosition())
    other.sac.average.act = lambda obs: torch.full((len(obs), 2), 0.5)
    same = measure(agent(constant(0.0), ByPosition()))
    np.testing.assert_allclose(same.policy_acts, same.with_value)
    assert same.best_horizon_policy_acts == same.best_horizon
    other.task.reward = lambda next_obs, action, xp=np: action[..., 0] + 0 * next_obs[..., POSITION]
    e = measure(other)
    np.testing.assert_allclose(e.with_value, 0.0, atol=1e-9)
    np.testing.assert_allclose(e.policy_acts, 0.5 * (1 - GAMMA**H) / (1 - GAMMA), rtol=1e-6)


def test_an_estimate_that_is_not_finite_is_infinitely_wrong_and_never_the_best():
    """A bias of 1 rad puts the slide beyond 5 rad from the third tick on."""
    lost = agent(constant(1 / (1 - GAMMA)), bias=1.0)
    lost.task.reward = lambda next_obs, action, xp=np: xp.where(
        next_obs[..., POSITION] > 5, xp.nan, 0 * next_obs[..., POSITION] + 1
    )
    e = measure(lost)
    np.testing.assert_array_equal(np.isinf(e.with_value), H >= 3)
    assert np.isfinite(e.true_states).all()
    assert e.best_horizon <= 2


def test_short_episodes_are_refused():
    with pytest.raises(DataError, match="14 ticks in a row"):
        measure(agent(constant(0.0)), [coast(13)])
    assert measure(agent(constant(0.0)), [coast(14)]).starts == 1
