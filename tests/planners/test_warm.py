"""A planner that acts: what it keeps between ticks, and what it costs."""

from dataclasses import replace

import pytest
import torch

from robot_mbrl.contract.errors import PlannerError
from robot_mbrl.planners.planner import SamplingConfig
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.planners.search.icem import IcemConfig
from robot_mbrl.planners.search.mppi import MppiConfig
from robot_mbrl.planners.search.random_shooting import RandomShootingConfig
from robot_mbrl.planners.search.sampling import shift
from robot_mbrl.planners.warm import WarmPlanner, plans_scored
from tests.support.linear_plant import KnownModel, imagination

CONFIGS: list[SamplingConfig] = [
    IcemConfig(horizon=5, candidates=20, iterations=3, elites=4, proposals=0, decay=1.5, keep=0.5),
    CemConfig(horizon=5, candidates=20, iterations=2, elites=4, proposals=0),
    MppiConfig(horizon=5, candidates=20, iterations=2, proposals=0),
    RandomShootingConfig(horizon=5, candidates=20, proposals=0),
]
OBS = torch.tensor([[0.5, 0.0], [-0.5, 0.1], [0.0, 0.0]])


class Counting(KnownModel):
    """Counts rows."""

    rows = 0

    def increments(self, x: torch.Tensor, action: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.rows += x.shape[0] * x.shape[2]
        return super().increments(x, action)


def planner(config: SamplingConfig, seed: int = 0, model: KnownModel | None = None) -> WarmPlanner:
    scoring = imagination(model=model or KnownModel(), terminal_value=False)
    return WarmPlanner(scoring, config, 1, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: type(c).__name__)
def test_the_next_tick_starts_from_the_shifted_plan(config: SamplingConfig) -> None:
    acting = planner(config)
    action = acting.act(OBS)
    assert action.shape == (3, 1) and acting.plan is not None
    warm = acting.plan.clone()
    # Without noise the warm start is the only candidate, and is decided on.
    acting.config = (
        replace(config, sigma=0.0, min_sigma=0.0)
        if hasattr(config, "min_sigma")
        else replace(config, sigma=0.0)
    )
    acting.kept = None
    torch.testing.assert_close(acting.act(OBS), warm[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(acting.plan, shift(warm), atol=1e-5, rtol=1e-5)
    acting.forget()
    assert acting.plan is None and acting.kept is None


def test_icem_keeps_elites_for_the_next_tick() -> None:
    acting, config = planner(CONFIGS[0]), CONFIGS[0]
    acting.act(OBS)
    assert acting.kept is not None and acting.kept.shape == (3, 2, config.horizon, 1)


def test_a_seed_gives_the_same_actions() -> None:
    actions = [planner(CONFIGS[0], seed).act(OBS) for seed in (0, 0, 1)]
    assert (actions[0] == actions[1]).all() and (actions[0] != actions[2]).any()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: type(c).__name__)
def test_plans_are_counted_as_the_model_sees_them(config: SamplingConfig) -> None:
    model = Counting()
    acting = planner(config, model=model)
    for _ in range(2):
        model.rows = 0
        acting.act(OBS)
        assert model.rows <= plans_scored(config) * model.members * config.horizon * len(OBS)
    assert model.rows == plans_scored(config) * model.members * config.horizon * len(OBS)


def test_no_usable_plan_is_an_error() -> None:
    with pytest.raises(PlannerError, match="1 of 3 robots"):
        planner(CONFIGS[1]).act(torch.cat([OBS[:2], torch.full((1, 2), torch.nan)]))
