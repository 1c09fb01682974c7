"""Simulated episodes of the worlds that explain real ones."""

from typing import Any

import numpy as np
import pytest

import calibration.resimulate as resimulate
import sim
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import load_robot
from robot_mbrl.data.buffer_segments import draw_windows, stride_of
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.envs.episodes import record_worlds

SPEC = load_robot("furuta")
LENGTH = "links.pendulum.length"


@pytest.fixture(autouse=True)
def small(monkeypatch: Any) -> None:
    for name, value in (("WINDOWS", 12), ("WORLDS", 12), ("SECONDS", 2.0)):
        monkeypatch.setattr(resimulate, name, value)


@pytest.fixture(scope="module")
def agent() -> Mbpo:
    env = sim.make_vec_env(SPEC, 1)
    config = MbpoConfig(sac=SacConfig(actor_hidden=8, critic_hidden=8))
    return Mbpo(env.layout, env.task, config, 1, seed=0)


def recorded(length: float) -> list[Segment]:
    """Segments of a machine with a pendulum of this length, relative to the nominal one."""
    fixed = {path: np.full(6, value) for path, value in SPEC.nominal.items()}
    env = sim.make_vec_env(SPEC, 6, anywhere=1.0, episode_s=1.0)
    act = resimulate.with_noise(lambda obs: np.zeros((len(obs), 1)), 0.4, np.random.default_rng(3))
    free = {p: v for p, v in fixed.items() if not p.startswith("initial.")}
    return record_worlds(env, act, seed=7, parameters=free | {LENGTH: np.full(6, length)})


def simulated(agent: Mbpo, length: float, seed: int = 0) -> Transitions:
    return resimulate.resimulator(SPEC, agent.task, agent.policy(), seed)(recorded(length))


@pytest.mark.parametrize("length", [0.85, 1.15])
def test_worlds_resemble_the_machine_that_was_recorded(
    agent: Mbpo, length: float, monkeypatch: Any
) -> None:
    given: list[np.ndarray] = []

    def keep(spec: Any, act: Any, parameters: Any, rng: Any) -> list[Segment]:
        given.append(parameters[LENGTH])
        return recorded(length)[:1]

    monkeypatch.setattr(resimulate, "act_in_worlds", keep)
    monkeypatch.setattr(resimulate, "WINDOWS", 30)
    simulated(agent, length)
    assert given[0].mean() == pytest.approx(length, abs=0.05)


def test_worlds_follow_each_other_tick_by_tick(agent: Mbpo) -> None:
    rows = simulated(agent, 1.0)
    assert stride_of(rows) == 1
    assert 12 * 100 >= len(rows) > 12 * 20
    assert len(draw_windows(rows, 10, 50, np.random.default_rng(0))) > 30


def test_rewards_are_the_tasks(agent: Mbpo) -> None:
    rows = simulated(agent, 1.0)
    assert rows.reward == pytest.approx(agent.task.reward(rows.next_obs, rows.action), abs=1e-5)
    assert (rows.terminated == agent.task.terminated(rows.next_obs)).all()


def test_a_seed_reproduces_it_and_another_does_not(agent: Mbpo) -> None:
    one, same, other = (simulated(agent, 1.0, seed) for seed in (0, 0, 1))
    assert np.array_equal(one.next_obs, same.next_obs)
    assert not np.array_equal(one.obs[:50], other.obs[:50])


def test_noise_explores(agent: Mbpo, monkeypatch: Any) -> None:
    def spread() -> float:
        return float(np.abs(np.diff(simulated(agent, 1.0).action[:, 0])).mean())

    loud = spread()
    monkeypatch.setattr(resimulate, "NOISE", 0.0)
    assert spread() < 0.3 * loud
