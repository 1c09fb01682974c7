"""Imagination, blending and reproducibility of MBPO, with models whose future is known."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_mbrl.agents.imagination.rollouts import ImaginationConfig
from robot_mbrl.agents.imagination.schedules import LengthConfig, ShareConfig
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac import Batch
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.config import EnsembleConfig
from tests.support.robots import toy_layout

LAYOUT = toy_layout(action_history=0, observation_history=0)  # 3 joints, 2 motors, 8 columns
POSITION = LAYOUT.column("arm.position")
CONFIG = MbpoConfig(
    sac=SacConfig(actor_hidden=6, critic_hidden=7, batch=20),
    ensemble=EnsembleConfig(members=3, hidden=5),
    imagination=ImaginationConfig(branches=11, horizon=6, every=20, keep_rounds=2),
    real_share=0.3,
)


class Counting:
    """Reward is the arm's position; the episode ends above `wall`."""

    episode_s, hold_s, wall = 1.0, 0.5, math.inf

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return next_obs[..., POSITION]

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return next_obs[..., POSITION] > self.wall

    def at_goal(self, obs: Any) -> Any:
        return obs[..., POSITION] > 0


class Ticking:
    """A model that adds 1 to the arm's position every tick; `disagreement` is a function of it."""

    def __init__(
        self, disagreement: Any = lambda position: 0 * position, poison: float = 1.0
    ) -> None:
        self.disagreement_of, self.poison = disagreement, poison

    def sample(self, obs: Tensor, action: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        after = obs.clone()
        after[:, POSITION] += 1
        after[:, -1] = torch.where(after[:, POSITION] == 4, self.poison, after[:, -1])
        return after, self.disagreement_of(after[:, POSITION])


def make(seed: int = 0, wall: float = math.inf, **changes: Any) -> Mbpo:
    task = Counting()
    task.wall = wall
    return Mbpo(LAYOUT, task, replace(CONFIG, **changes), capacity=100, seed=seed)


def at(*positions: float) -> np.ndarray:
    obs = np.zeros((len(positions), LAYOUT.size), np.float32)
    obs[:, POSITION] = positions
    return obs


def rows(n: int, reward: float, seed: int = 0) -> Transitions:
    rng = np.random.default_rng(seed)
    obs = rng.standard_normal((2, n, LAYOUT.size)).astype(np.float32)
    action = rng.uniform(-1, 1, (n, 2)).astype(np.float32)
    return Transitions(obs[0], action, obs[1], np.full(n, reward, np.float32), np.zeros(n, bool))


def imagined(agent: Mbpo) -> dict[float, int]:
    """How many imagined transitions lead to each position."""
    values, counts = np.unique(agent.imagined.all().next_obs[:, POSITION], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize("dry_friction", [False, True])
def test_the_model_has_dry_friction_where_the_settings_say_so(dry_friction: bool) -> None:
    model = make(ensemble=replace(CONFIG.ensemble, dry_friction=dry_friction)).model
    assert model.dry_friction == dry_friction
    assert model.layers[2].bias.shape[-1] == (3 if dry_friction else 2) * len(LAYOUT.joints)


def test_rollouts_last_their_horizon() -> None:
    agent = make()
    agent.model = Ticking()
    assert agent.imagine(at(0, 10)) == 6.0
    assert imagined(agent) == {float(p): 1 for p in [*range(1, 7), *range(11, 17)]}
    t = agent.imagined.all()
    np.testing.assert_array_equal(t.next_obs[:, POSITION], t.obs[:, POSITION] + 1)
    np.testing.assert_array_equal(t.reward, t.next_obs[:, POSITION])
    assert not t.terminated.any()
    assert np.abs(t.action).max() <= 1
    assert len(np.unique(t.action)) == t.action.size  # every action is drawn anew


def test_rollouts_end_with_the_termination_which_is_recorded() -> None:
    agent = make(wall=2.5)
    agent.model = Ticking()
    assert agent.imagine(at(0, 1)) == (3 + 2) / 2
    assert imagined(agent) == {1.0: 1, 2.0: 2, 3.0: 2}
    t = agent.imagined.all()
    np.testing.assert_array_equal(t.terminated, t.next_obs[:, POSITION] == 3)


def test_rollouts_stop_before_disagreement_passes_its_limit() -> None:
    agent = make()
    agent.model = Ticking(lambda position: position)
    agent.disagreement_limit = 3.0
    assert agent.imagine(at(0, 2)) == (3 + 1) / 2
    assert imagined(agent) == {1.0: 1, 2.0: 1, 3.0: 2}
    agent.model = Ticking(lambda position: position * math.nan)
    assert agent.imagine(at(0, 2)) == 0.0


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_rollouts_stop_before_they_are_no_longer_finite(poison: float) -> None:
    agent = make()
    agent.model = Ticking(poison=poison)
    assert agent.imagine(at(0, 2)) == (3 + 1) / 2
    assert imagined(agent) == {1.0: 1, 2.0: 1, 3.0: 2}
    assert np.isfinite(agent.imagined.all().next_obs).all()


def test_rewards_that_are_not_finite_stop_a_rollout_too() -> None:
    agent = make()
    agent.model = Ticking()
    agent.task.reward = lambda next_obs, action, xp=np: torch.where(  # type: ignore[method-assign]
        next_obs[:, POSITION] > 2, math.nan, next_obs[:, POSITION]
    )
    agent.imagine(at(0, 1))
    assert imagined(agent) == {1.0: 1, 2.0: 2}


def test_imagined_transitions_are_those_of_the_newest_rounds() -> None:
    agent = make()  # 2 rounds of 11 branches and 6 ticks are kept
    agent.model = Ticking()
    for start in (0.0, 100.0, 200.0):
        agent.imagine(at(*[start] * 11))
    assert len(agent.imagined) == agent.imagined.capacity == 2 * 11 * 6
    assert min(imagined(agent)) == 101.0


def switched(**imagination: float) -> Mbpo:
    agent = make(imagination=replace(CONFIG.imagination, **imagination))
    agent.model = Ticking(lambda position: (position > 3).to(position.dtype) * 3)  # 0, then 3
    return agent


def test_weight_thins_imagined_transitions_by_one_over_one_plus_w_d() -> None:
    plain, weighted = switched(), switched(disagreement_weight=0.5)
    for agent in (plain, weighted):
        agent.imagined = ReplayBuffer(LAYOUT.size, 2, 60_000)
        assert agent.imagine(at(*[0.0] * 10_000)) == 6.0  # rollouts last as long
    assert set(imagined(plain).values()) == {10_000}
    counts = imagined(weighted)
    assert [counts[p] for p in (1.0, 2.0, 3.0)] == [10_000] * 3  # agreed: all count
    share = np.array([counts[p] for p in (4.0, 5.0, 6.0)]) / 10_000
    np.testing.assert_allclose(share, 1 / (1 + 0.5 * 3), atol=0.02)


@pytest.mark.parametrize("penalty", [0.0, 0.25, -0.25])
def test_penalty_lowers_the_imagined_reward_and_a_negative_one_raises_it(penalty: float) -> None:
    agent = switched(disagreement_penalty=penalty)
    agent.imagine(at(0))
    t = agent.imagined.all()
    disagreement = 3.0 * (t.next_obs[:, POSITION] > 3)
    np.testing.assert_allclose(t.reward, t.next_obs[:, POSITION] - penalty * disagreement)


@pytest.mark.parametrize(("min_length", "kept"), [(0.0, 12 + 8), (2.0, 12 + 8), (2.1, 0)])
def test_rollouts_that_end_too_early_leave_real_rows_only(min_length: float, kept: int) -> None:
    agent = switched(min_length=min_length)
    agent.imagined = ReplayBuffer(LAYOUT.size, 2, 100)
    agent.real.add(rows(9, 1.0))
    assert agent.imagine(at(0, 0)) == 6.0
    agent.disagreement_limit = 1.0  # from now on rollouts end at position 3
    assert agent.imagine(at(0, 1, 1, 2)) == 2.0
    assert len(agent.imagined) == kept
    assert (agent.batches(1)[0].reward == 1.0).all() == (kept == 0)


def test_without_the_switches_no_random_number_is_drawn_for_them() -> None:
    states = []
    for agent in (switched(), switched(disagreement_penalty=0.5, min_length=99.0)):
        agent.imagine(at(0, 10))
        states.append(agent.torch_rng.get_state())
    assert torch.equal(*states)


def test_disagreement_limit_is_the_quantile_on_real_transitions() -> None:
    agent = make(imagination=replace(CONFIG.imagination, stop_quantile=0.75))
    real = rows(41, 1.0)
    agent.measure_disagreement(real)
    obs, action = (agent.model.spread(torch.as_tensor(x)) for x in (real.obs, real.action))
    values = agent.model.disagreement(agent.model.increments(obs, action)[0])
    assert (values <= agent.disagreement_limit).float().mean().item() == pytest.approx(
        0.75, abs=0.03
    )


def test_without_a_quantile_disagreement_ends_nothing() -> None:
    agent = make(imagination=replace(CONFIG.imagination, stop_quantile=None))
    agent.measure_disagreement(rows(41, 1.0))
    assert agent.disagreement_limit == np.inf


@pytest.mark.parametrize(("share", "real"), [(0.0, 0), (0.3, 6), (0.5, 10), (0.97, 19), (1.0, 20)])
def test_batches_hold_exactly_the_share_of_real_rows(share: float, real: int) -> None:
    agent = make(real_share=share)
    agent.real.add(rows(9, 1.0))
    if share < 1:
        agent.imagined.add(rows(30, 2.0))
    batches = agent.batches(4)
    assert len(batches) == 4
    for batch in batches:
        assert batch.obs.shape == (20, LAYOUT.size)
        assert batch.reward.tolist() == [1.0] * real + [2.0] * (20 - real)
        assert batch.alive.tolist() == [1.0] * 20


def improved(step: int, error: list[float] | None = None, **changes: Any) -> tuple[int, set[float]]:
    """Real rows in a batch of 20 after a step of learning, and the positions imagined from 0."""
    agent = make(**changes)
    agent.model, agent.imagines = Ticking(), True
    agent.relative_error = None if error is None else np.array(error)
    real = rows(9, 1.0)
    real.obs[:, POSITION] = 0
    agent.real.add(real)
    drawn: list[Batch] = []
    agent.sac.update = lambda batch, noise: drawn.append(batch)  # type: ignore[method-assign]
    agent.improve(step, 1)
    fresh = (drawn[0].obs[:, POSITION] == 0) & (drawn[0].reward == 1.0)
    fresh &= drawn[0].next_obs[:, POSITION] != 1.0
    return int(fresh.sum()), set(imagined(agent)) if len(agent.imagined) else set()


def test_a_model_that_was_never_fitted_imagines_nothing() -> None:
    agent = make()
    agent.model = Ticking()
    agent.real.add(rows(9, 1.0))
    agent.improve(0, 1)
    assert not len(agent.imagined)
    agent.imagines = True
    agent.improve(0, 1)
    assert len(agent.imagined)


@pytest.mark.parametrize(
    ("by", "step", "error", "real"),
    [
        ("constant", 0, None, 6),
        ("steps", 0, None, 20),
        ("steps", 50, None, 13),
        ("steps", 100, None, 6),
        ("error", 100, None, 20),
        ("error", 0, [0.5, 0.8], 16),
        ("error", 0, [0.5, 0.1], 6),
    ],
)
def test_the_share_of_real_rows_follows_its_schedule(
    by: Any, step: int, error: list[float] | None, real: int
) -> None:
    share = ShareConfig(by, (0, 100), ticks=2)
    assert improved(step, error, share=share)[0] == real


@pytest.mark.parametrize(
    ("by", "step", "error", "ticks"),
    [
        ("constant", 0, None, 6),
        ("steps", 0, None, 2),
        ("steps", 50, None, 4),
        ("steps", 100, None, 6),
        ("error", 100, None, 2),
        ("error", 0, [0.1, 0.2, 0.3, 0.4, 0.1, 0.1], 3),
    ],
)
def test_the_length_of_rollouts_follows_its_schedule(
    by: Any, step: int, error: list[float] | None, ticks: int
) -> None:
    length = LengthConfig(by, (0, 100), shortest=2, bound=0.3)
    changed = replace(CONFIG.imagination, length=length)
    assert improved(step, error, imagination=changed)[1] == set(range(1, ticks + 1))


def test_simulated_rows_keep_their_share_whatever_the_schedule() -> None:
    agent = make(share=ShareConfig("steps", (0, 100)))
    agent.model = Ticking()
    agent.real.add(rows(9, 1.0))
    agent.blend(0.3, rows(9, 3.0), 0.25)
    agent.improve(0, 1)
    rewards = agent.batches(1)[0].reward.tolist()
    assert rewards.count(3.0) == 5 and rewards.count(1.0) == 15


def test_a_fitted_model_forgets_what_the_old_one_imagined() -> None:
    agent = make()
    model, agent.model = agent.model, Ticking()
    agent.imagine(at(0))
    agent.model = model
    agent.model_fitted(rows(30, 1.0))
    assert len(agent.imagined) == 0
    assert 0 < agent.disagreement_limit < np.inf  # measured anew as well


def test_segments_too_short_to_evaluate_by_leave_the_model_unproven() -> None:
    agent = make(share=ShareConfig("error", ticks=3))
    t = rows(30, 1.0)
    held = [Segment(t.obs[: n + 1], t.action[:n]) for n in (2, 4)]
    agent.model_fitted(t, held[:1])
    assert agent.evaluated_ticks == 3 and agent.relative_error is None
    agent.model_fitted(t, held)
    assert agent.relative_error is not None and agent.relative_error.shape == (3,)


def test_nothing_imagined_yet_means_all_real() -> None:
    agent = make()
    agent.real.add(rows(9, 1.0))
    assert agent.batches(1)[0].reward.tolist() == [1.0] * 20


def test_same_seed_same_numbers() -> None:
    results = []
    for seed in (0, 0, 1):
        agent = make(seed)
        agent.real.add(rows(50, 1.0))
        agent.refine(30, rows(40, 1.0, seed=5), 1e-3)
        weights = torch.cat([p.detach().flatten() for p in agent.sac.critics.parameters()])
        results.append((weights, agent.imagined.all().next_obs, agent.explore(at(0, 1, 2))))
    for first, again, other in zip(*results, strict=True):
        np.testing.assert_array_equal(first, again)
        assert first.shape != other.shape or (np.asarray(first) != np.asarray(other)).any()


@pytest.mark.parametrize(("every", "rounds"), [(20, 3), (25, 3), (60, 1), (5, 6), (10, 6)])
def test_refining_imagines_anew_every_so_many_updates(every: int, rounds: int) -> None:
    """For 55 updates; they come ten at a time, so no more often than that."""
    agent = make(imagination=replace(CONFIG.imagination, every=every))
    agent.model = Ticking()
    agent.real.add(rows(50, 1.0))
    calls, imagine = [], agent.imagine
    agent.imagine = lambda starts: calls.append(len(starts)) or imagine(starts)  # type: ignore[method-assign]
    agent.refine(55, rows(40, 1.0), 1e-3)
    assert agent.sac.updates == 55
    assert calls == [11] * rounds


def test_refining_follows_the_learning_rate_schedule() -> None:
    agent = make()
    agent.model = Ticking()
    agent.real.add(rows(50, 1.0))
    agent.refine(40, rows(40, 1.0), 1e-3)
    expected = agent.sac.learning_rate_at(30 / 40)
    assert agent.sac.actor_optimizer.param_groups[0]["lr"] == expected < CONFIG.sac.lr


def test_update_learns_from_the_batches_it_draws() -> None:
    agent, seen = make(), []
    agent.real.add(rows(50, 1.0))
    agent.sac.update = lambda batch, noise: seen.append((batch, noise))  # type: ignore[method-assign]
    agent.update(3)
    assert len(seen) == 3
    assert all(isinstance(batch, Batch) for batch, _ in seen)
    assert all(noise.shape == (2, 20, 2) for _, noise in seen)
    assert not torch.equal(seen[0][1], seen[1][1])


def test_exploration_noise_is_correlated_and_of_unit_variance() -> None:
    rng, noise, path = np.random.default_rng(0), np.zeros((300, 2)), []
    for _ in range(200):
        noise = correlated_noise(noise, rng)
        path.append(noise)
    settled = np.array(path)[40:]
    assert settled.std() == pytest.approx(1.0, abs=0.02)
    assert (settled[1:] * settled[:-1]).mean() == pytest.approx(0.8, abs=0.03)
