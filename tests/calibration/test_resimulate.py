"""Simulated episodes of the worlds that explain real ones."""

from collections.abc import Iterator
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


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("WINDOWS", 4), ("ROUNDS", 2), ("WORLDS", 12), ("SECONDS", 2.0)):
            patch.setattr(resimulate, name, value)
        yield


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


@pytest.fixture(scope="module")
def rows(agent: Mbpo) -> Transitions:
    """Of a machine as the description says; tests share them and leave them as they are."""
    return simulated(agent, 1.0)


@pytest.mark.slow
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
    monkeypatch.setattr(resimulate, "ROUNDS", 4)
    simulated(agent, length)
    assert given[0].mean() == pytest.approx(length, abs=0.05)


def test_worlds_follow_each_other_tick_by_tick(rows: Transitions) -> None:
    assert stride_of(rows) == 1
    assert 12 * 100 >= len(rows) > 12 * 20
    assert len(draw_windows(rows, 10, 50, np.random.default_rng(0))) > 30


def test_rewards_are_the_tasks(agent: Mbpo, rows: Transitions) -> None:
    assert rows.reward == pytest.approx(agent.task.reward(rows.next_obs, rows.action), abs=1e-5)
    assert (rows.terminated == agent.task.terminated(rows.next_obs)).all()


def test_a_seed_reproduces_it_and_another_does_not(agent: Mbpo, rows: Transitions) -> None:
    same, other = simulated(agent, 1.0), simulated(agent, 1.0, seed=1)
    assert np.array_equal(rows.next_obs, same.next_obs)
    assert not np.array_equal(rows.obs[:50], other.obs[:50])


def test_noise_explores(agent: Mbpo, rows: Transitions, monkeypatch: Any) -> None:
    def spread(rows: Transitions) -> float:
        return float(np.abs(np.diff(rows.action[:, 0])).mean())

    monkeypatch.setattr(resimulate, "NOISE", 0.0)
    assert spread(simulated(agent, 1.0)) < 0.3 * spread(rows)
