"""Finetuning learns what the episodes show and keeps what they do not show."""

import copy
import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robot_mbrl.agents.imagination.rollouts import ImaginationConfig
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.data.windows import Windows
from robot_mbrl.learning.finetune.agent import finetune
from robot_mbrl.learning.finetune.config import FinetuneConfig, FinetuneReport
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import FitConfig, Source, fit_ensemble, fit_normalizers
from robot_mbrl.models.judging.open_loop import open_loop_error
from tests.support.robots import toy_layout

LAYOUT = toy_layout(
    joints=("slide",),
    wraps=(False,),
    alpha=(1.0,),
    actuators=("m",),
    action_history=0,
    observation_history=0,
)
OFFSET = 0.03  # m per tick, of the real machine left of 0
FIT = FitConfig(steps=150, lr=1e-3, check_every=25, multistep_weight=1.0)


class Still:
    """No reward, no end."""

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return 0.0 * next_obs[..., 0]

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return next_obs[..., 0] > 1e9


def run(worlds: int, ticks: int, left: bool, offset: float, seed: int) -> list[Transitions]:
    """A sled under random pushes, left or right of 0: one Transitions (worlds rows) per tick."""
    rng, rows = np.random.default_rng(seed), []
    side = np.full(worlds, -1.0 if left else 1.0)
    q, v = side * rng.uniform(2, 4, worlds), np.zeros(worlds)
    for _ in range(ticks):
        action = rng.uniform(-1, 1, (worlds, 1))
        dq = 0.6 * v * LAYOUT.dt + 0.05 * action[:, 0] - 0.01 * (q - 3 * side) + offset * (q < 0)
        obs, q, v = np.stack([q, v], 1), q + dq, dq / LAYOUT.dt
        columns = (x.astype(np.float32) for x in (obs, action, np.stack([q, v], 1)))
        rows.append(Transitions(*columns, np.zeros(worlds, np.float32), np.zeros(worlds, bool)))
    return rows


def segment(steps: Transitions) -> Segment:
    """Rows of one sled as recorded."""
    return Segment(np.concatenate([steps.obs, steps.next_obs[-1:]]), steps.action)


def pretrained() -> Mbpo:
    """A new copy of the agent that knows a simulator which shows the right of 0 only."""
    return copy.deepcopy(pretraining())


@functools.cache
def pretraining() -> Mbpo:
    config = MbpoConfig(
        sac=SacConfig(actor_hidden=4, critic_hidden=4, batch=16),
        ensemble=EnsembleConfig(members=2, hidden=24),
        imagination=ImaginationConfig(branches=10, horizon=2),
    )
    simulated = concatenate(run(8, 150, False, 0.0, seed=0))
    agent = Mbpo(LAYOUT, Still(), config, len(simulated), 0)
    agent.real.add(simulated)
    fit_normalizers(agent.model, simulated)
    held = concatenate(run(4, 50, False, 0.0, seed=1))
    rng = np.random.default_rng(0)
    fit_ensemble(agent.model, [Source(simulated, 1.0)], held, FitConfig(steps=400, elites=2), rng)
    return agent


def episodes(count: int = 4) -> dict[str, list[Segment]]:
    """The real machine, seen left of 0 only."""
    return {
        f"{k}": [segment(concatenate(run(1, 60, True, OFFSET, seed=10 + k)))] for k in range(count)
    }


def tuned(shares: tuple[float, ...], steps: int = 150) -> tuple[Mbpo, FinetuneReport]:
    agent, fit = pretrained(), replace(FIT, steps=steps)
    config = FinetuneConfig(real_shares=shares, error_steps=5, fit=fit, updates=0)
    return agent, finetune(agent, episodes(), config, lambda *_: None)


def sticking(seed: int) -> Transitions:
    """The sled on a floor that takes up to 0.03 m from each tick's increment."""
    rng, rows, q, v = np.random.default_rng(seed), [], np.full(1, 3.0), np.zeros(1)
    for _ in range(60):
        action = rng.uniform(-1, 1, (1, 1))
        free = 0.6 * v * LAYOUT.dt + 0.05 * action[:, 0]
        dq = np.sign(free) * np.maximum(np.abs(free) - 0.03, 0)
        obs, q, v = np.stack([q, v], 1), q + dq, dq / LAYOUT.dt
        columns = (x.astype(np.float32) for x in (obs, action, np.stack([q, v], 1)))
        rows.append(Transitions(*columns, np.zeros(1, np.float32), np.zeros(1, bool)))
    return concatenate(rows)


def error(agent: Mbpo, left: bool, offset: float) -> float:
    """Five-step error on fresh runs on one side, m."""
    return error_on(
        agent, [segment(concatenate(run(1, 80, left, offset, seed=s))) for s in (50, 51)]
    )


def error_on(agent: Mbpo, fresh: list[Segment]) -> float:
    """Five-step error, m."""
    return open_loop_error(agent.model, Windows.cut(fresh, 5)).summary()["rms_rad"]


@pytest.mark.slow
def test_it_learns_what_it_saw_and_forgets_less_of_what_it_did_not_see() -> None:
    before = pretrained()
    alone, _ = tuned((1.0,), steps=600)
    blended, report = tuned((0.4,), steps=600)
    assert report.accepted and report.error_after_rad < report.error_before_rad / 10
    # Left of 0 both follow the real machine; right of 0 the blend stays closer to the simulator.
    assert error(blended, True, OFFSET) < error(before, True, OFFSET) / 10
    assert error(blended, False, 0.0) < 0.9 * error(alone, False, 0.0)


@pytest.mark.slow
def test_each_member_learns_from_its_own_share() -> None:
    agent, _ = tuned((1.0, 0.05), steps=600)
    real, simulated = (copy.deepcopy(agent) for _ in range(2))
    real.set_model(agent.model.subset(torch.tensor([0])))
    simulated.set_model(agent.model.subset(torch.tensor([1])))
    assert error(simulated, False, 0.0) < 0.7 * error(real, False, 0.0)


@pytest.mark.slow
def test_a_share_of_nothing_is_simulated_alone() -> None:
    before = error(pretrained(), True, OFFSET)
    assert error(tuned((0.0,))[0], True, OFFSET) > 0.5 * before
    assert error(tuned((0.9,))[0], True, OFFSET) < 0.5 * before


@pytest.mark.parametrize("shares", [(), (0.5, 1.1), (-0.1,), (float("nan"),)])
def test_shares_must_be_shares(shares: tuple[float, ...]) -> None:
    with pytest.raises(
        SettingsError, match="real_shares: expected one or more numbers from 0 to 1"
    ):
        FinetuneConfig(real_shares=shares)


def test_a_seed_reproduces_it() -> None:
    weights = [tuned((0.6,), steps=50)[0].model.layers[0].weight for _ in range(2)]
    assert torch.equal(*weights)


def test_friction_is_added_and_kept_in_the_settings() -> None:
    agent = pretrained()
    before = copy.deepcopy(agent.model)
    agent.set_model(agent.model.with_dry_friction())
    assert agent.model.dry_friction and agent.config.ensemble.dry_friction
    assert not before.dry_friction and agent.config.ensemble.members == before.members
    x, push = torch.zeros(2, 1, LAYOUT.size), torch.ones(2, 1, 1)
    x[..., LAYOUT.column("slide.position")] = 3.0
    free, _ = before.increments(x, push)
    held, _ = agent.model.increments(x, push)
    # softplus(-2) residual spreads of friction, up to what slips through
    expected = 0.95 * np.log1p(np.exp(-2.0)) * float(before.outputs.std[0])
    assert (free - held).flatten().tolist() == pytest.approx([expected] * 2, rel=1e-4)


@pytest.mark.slow
def test_friction_helps_on_a_machine_that_sticks() -> None:
    errors = {}
    for dry_friction in (False, True):
        agent, fit = pretrained(), replace(FIT, steps=300)
        config = FinetuneConfig(
            real_shares=(1.0,), error_steps=5, fit=fit, updates=0, dry_friction=dry_friction
        )
        sticky = {f"{k}": [segment(sticking(10 + k))] for k in range(4)}
        finetune(agent, sticky, config, lambda *_: None)
        errors[dry_friction] = error_on(agent, [segment(sticking(s)) for s in (50, 51)])
    assert errors[True] < 0.8 * errors[False]


@pytest.mark.parametrize(
    ("posterior", "model", "asked"),
    [(True, "finetuned", True), (False, "finetuned", False), (True, "pretrained", False)],
)
def test_simulated_rows_are_made_for_the_training_episodes(
    posterior: bool, model: str, asked: bool
) -> None:
    calls: list[Sequence[Segment]] = []
    agent = pretrained()
    rows = agent.real.all()

    def simulate(segments: Sequence[Segment]) -> Transitions:
        calls.append(segments)
        return rows

    fit = replace(FIT, steps=2, check_every=1)
    config = FinetuneConfig(
        real_shares=(0.9,), error_steps=5, fit=fit, updates=0, posterior=posterior, model=model
    )
    finetune(agent, episodes(), config, lambda *_: None, simulate)
    assert [len(segments) for segments in calls] == ([3] if asked else [])  # one is kept out


def test_worse_is_rolled_back() -> None:
    agent = pretrained()
    same = {k: torch.clone(v) for k, v in agent.model.state_dict().items()}
    wild = replace(FIT, lr=3.0, steps=3, check_every=3)
    config = FinetuneConfig(
        real_shares=(0.6,), error_steps=5, fit=wild, updates=0, dry_friction=False
    )
    like_simulated = {
        k: [segment(concatenate(run(1, 60, True, 0.0, seed=i)))] for i, k in enumerate("abcd")
    }
    report = finetune(agent, like_simulated, config, lambda *_: None)
    if report.accepted:
        pytest.fail(f"a learning rate of 3 improved the model: {report}")
    assert all(torch.equal(v, same[k]) for k, v in agent.model.state_dict().items())


def test_a_control_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="'scratch', got 'fresh'"):
        finetune(pretrained(), episodes(), FinetuneConfig(model="fresh"), lambda *_: None)
