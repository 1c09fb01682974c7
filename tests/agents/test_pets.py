"""PETS: acts by planning on its ensemble, one robot or many, and says what an action costs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robot_mbrl.agents.pets import Pets, PetsConfig
from robot_mbrl.contract.errors import PlannerError
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.planners.objective.propagation import PropagationConfig
from robot_mbrl.planners.planner import SamplingConfig
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.planners.search.icem import IcemConfig
from tests.planners.objective.test_propagation import Square
from tests.support.gaussian_plant import GaussianModel

ICEM = IcemConfig(horizon=4, candidates=30, iterations=3, elites=5, proposals=0)
CONFIG = PetsConfig(ensemble=EnsembleConfig(members=2, hidden=6), planner=ICEM)
GAINS = (0.4, 0.6)


def pets(seed: int = 0, gains: tuple[float, ...] = GAINS, noise: float = 0.0, **more: Any) -> Pets:
    """An agent whose model knows x' = .9 x + gain u, rewarded by -x^2."""
    model = GaussianModel(gains, noise)
    agent = Pets(model.layout, Square(), replace(CONFIG, **more), 10, seed)  # type: ignore[arg-type]
    agent.model = model
    agent.model_fitted(agent.real.all())
    return agent


@pytest.mark.parametrize(
    "planner",
    [
        replace(ICEM, candidates=120, iterations=5, sigma=0.7, min_sigma=0.01, beta=0.0),
        CemConfig(4, 120, iterations=5, elites=10, proposals=0, sigma=0.7, min_sigma=0.01),
    ],
    ids=["icem", "cem"],
)
def test_it_drives_the_state_to_where_the_reward_is(planner: SamplingConfig) -> None:
    """One tick brings x near 0: the least of E (.9 x + g u)^2, or as far as it goes."""
    action = pets(planner=planner).explore(np.array([[0.3], [-0.2], [5.0]]))[:, 0]
    best = -0.9 * np.mean(GAINS) / np.mean(np.square(GAINS))
    np.testing.assert_allclose(action[:2], [0.3 * best, -0.2 * best], atol=0.1)
    assert action[2] < -0.9


def test_the_policy_of_an_evaluation_has_plans_and_noise_of_its_own() -> None:
    agent = pets()
    agent.explore(np.array([[0.3]]))
    plan, state = agent.planner.plan, agent.torch_rng.get_state()
    first = [agent.policy()(np.full((3, 1), 0.3)) for _ in range(2)]
    np.testing.assert_array_equal(*first)
    assert agent.planner.plan is plan and (agent.torch_rng.get_state() == state).all()


def test_an_episode_begins_without_a_plan_and_a_fit_keeps_it() -> None:
    agent = pets()
    agent.explore(np.array([[0.3]]))
    plan, planner = agent.planner.plan, agent.planner
    agent.model_fitted(agent.real.all())
    assert agent.planner.plan is plan and agent.planner is not planner
    agent.begin_episode()
    assert agent.planner.plan is None


@pytest.mark.parametrize(
    ("propagation", "rows"),
    [("members", 2), ("mean", 2), ("ts1", 6), ("tsinf", 6), ("moment", 6)],
)
def test_an_actions_rows_are_counted(propagation: Any, rows: int) -> None:
    agent = pets(noise=0.1, propagation=PropagationConfig(propagation, particles=6))
    model = agent.model
    assert isinstance(model, GaussianModel)
    for _ in range(2):
        model.rows = 0
        agent.explore(np.array([[0.3]]))
    plans = 30 + 24 + 19 + 3 * 2 + 1  # three populations, kept ones in each, the final plan
    assert model.rows == agent.rows_per_action == plans * 4 * rows


def test_a_penalty_on_disagreement_makes_it_careful() -> None:
    """Where members disagree by what the action does, it does less."""
    bold, careful = (
        pets(gains=(0.1, 0.9), disagreement_penalty=penalty).explore(np.array([[0.5]]))[0, 0]
        for penalty in (0.0, 20.0)
    )
    assert bold < -0.3 and abs(careful) < 0.1


def test_a_bonus_on_disagreement_makes_it_explore() -> None:
    """Where the reward asks for rest, it moves to see what the members disagree about."""
    calm, curious = (
        pets(gains=(0.1, 0.9), disagreement_penalty=penalty).explore(np.array([[0.0]]))[0, 0]
        for penalty in (0.0, -20.0)
    )
    assert abs(calm) < 0.1 and abs(curious) > 0.5


def test_the_discount_decides_between_now_and_later() -> None:
    """Paid for the state: with no future (gamma 0) only the first step is steered."""
    plans = []
    for gamma in (1.0, 0.0):
        agent = pets(gamma=gamma)
        agent.explore(np.array([[2.0]]))
        plan = agent.planner.plan
        assert plan is not None
        plans.append(plan[0, :, 0])
    assert plans[0][0] < -0.8  # still far from 0 in the second tick
    assert plans[1].abs().max() < 0.8  # nothing draws the later actions


def test_a_policys_proposals_are_refused() -> None:
    with pytest.raises(PlannerError, match="without a policy"):
        pets(planner=replace(ICEM, proposals=4)).explore(np.zeros((1, 1)))


def test_seeds_make_models_and_noise() -> None:
    layout = GaussianModel(GAINS, 0.0).layout
    agents = [Pets(layout, Square(), CONFIG, 10, seed) for seed in (0, 0, 1)]  # type: ignore[arg-type]
    actions = [a.explore(np.zeros((2, 1))) for a in agents]
    assert (actions[0] == actions[1]).all() and (actions[0] != actions[2]).any()
    assert torch.equal(agents[0].model.layers[0].weight, agents[1].model.layers[0].weight)
