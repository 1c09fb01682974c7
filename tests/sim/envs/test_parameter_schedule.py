"""Parameters are drawn when robot.toml says: once, at resets, every so often, each tick."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import Command, RobotSpec
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.parameters.variation import Variation, sample_parameters
from sim import make_env, make_vec_env
from sim.envs.simulated_robot import SimulatedRobot
from sim.envs.vec_env import SimVecEnv
from sim.worlds import make_worlds
from tests.support.engines import each_engine, mass_of_arm, parameters

B, TICK_S = 3, 0.02
MASS, SUPPLY, FRICTION = "links.arm.mass", "actuators.motor.supply", "joints.arm.friction"
WIDE = Variation(0.5, 2.0)


def varied(spec: RobotSpec, given: dict[str, Variation]) -> RobotSpec:
    return replace(spec, randomization=given)


def told(env: Any, ticks: int) -> dict[str, np.ndarray]:
    """What `info` says in each of the next ticks, (ticks, B) for each parameter."""
    infos = [env.step(np.zeros((env.num_envs, 1)))[4]["parameters"] for _ in range(ticks)]
    return {path: np.array([info[path] for info in infos]) for path in infos[0]}


@each_engine
def test_what_is_drawn_at_build_stays_with_its_world(backend: str, furuta: RobotSpec) -> None:
    spec = varied(furuta, {MASS: replace(WIDE, when="build"), SUPPLY: WIDE})
    env = make_vec_env(spec, B, backend=backend, episode_s=5 * TICK_S, seed=1)
    masses = env.reset()[1]["parameters"][MASS].copy()
    assert len(set(masses)) == B
    later = told(env, 12)
    np.testing.assert_array_equal(later[MASS], np.tile(masses, (12, 1)))
    assert (later[SUPPLY][3] != later[SUPPLY][4]).all()  # reset in the fifth tick
    np.testing.assert_array_equal(env.reset(seed=9)[1]["parameters"][MASS], masses)
    np.testing.assert_allclose([mass_of_arm(env.worlds, w) for w in range(B)], 0.095 * masses)
    same, other = (make_vec_env(spec, B, backend=backend, seed=s) for s in (1, 2))
    np.testing.assert_array_equal(same.reset()[1]["parameters"][MASS], masses)
    assert (other.reset()[1]["parameters"][MASS] != masses).all()


def test_a_world_built_heavy_is_the_one_that_restarts_in_its_place(furuta: RobotSpec) -> None:
    """One world ends by its arm, the others go on."""
    spec = varied(furuta, {MASS: replace(WIDE, when="build")})
    env = make_vec_env(spec, B, seed=1)
    masses = env.reset()[1]["parameters"][MASS].copy()
    for _ in range(60):
        *_, terminated, _, info = env.step(np.array([[0.0], [1.0], [0.0]]))
        if terminated.any():
            break
    assert terminated.tolist() == [False, True, False]
    np.testing.assert_array_equal(info["parameters"][MASS], masses)
    np.testing.assert_allclose([mass_of_arm(env.worlds, w) for w in range(B)], 0.095 * masses)


@each_engine
def test_each_tick_draws_anew(backend: str, furuta: RobotSpec) -> None:
    spec = varied(furuta, {SUPPLY: replace(WIDE, when="step"), FRICTION: WIDE})
    env = make_vec_env(spec, B, backend=backend)
    first = env.reset(seed=0)[1]["parameters"][SUPPLY]
    later = told(env, 8)
    np.testing.assert_array_equal(later[SUPPLY][0], first)
    assert (np.diff(later[SUPPLY], axis=0) != 0).all()
    assert not np.diff(later[FRICTION], axis=0).any()


@each_engine
def test_an_interval_is_as_long_as_it_says(backend: str, furuta: RobotSpec) -> None:
    spec = varied(furuta, {
        MASS: replace(WIDE, when="interval", every_s=(0.1, 0.1)),
        SUPPLY: replace(WIDE, when="interval", every_s=(0.06, 0.16)),
    })  # fmt: skip
    env = make_vec_env(spec, B, backend=backend, episode_s=42 * TICK_S)
    env.reset(seed=0)
    drawn = told(env, 41)
    changed = {path: np.diff(drawn[path], axis=0) != 0 for path in (MASS, SUPPLY)}
    expected = np.arange(1, 41) % 5 == 0
    np.testing.assert_array_equal(changed[MASS], np.tile(expected[:, None], (1, B)))
    for world in range(B):
        lengths = np.diff(np.flatnonzero(changed[SUPPLY][:, world]))
        assert set(lengths) <= set(range(3, 9))
        assert len(set(lengths)) > 1
    assert (changed[SUPPLY][:, 0] != changed[SUPPLY][:, 1]).any()
    np.testing.assert_allclose(
        [mass_of_arm(env.worlds, w) for w in range(B)], 0.095 * drawn[MASS][-1]
    )


def test_the_clock_of_a_world_starts_anew_with_its_episode(furuta: RobotSpec) -> None:
    spec = varied(furuta, {SUPPLY: replace(WIDE, when="interval", every_s=(0.1, 0.1))})
    env = make_vec_env(spec, B, episode_s=7 * TICK_S)
    env.reset(seed=0)
    drawn = told(env, 21)[SUPPLY]
    # ticks 1 to 5 of an episode, then 6 and 7, whose info already tells of the next one's
    assert np.flatnonzero(np.diff(drawn[:, 0])).tolist() == [4, 5, 11, 12, 18, 19]


def test_a_group_changes_at_once_and_alike(furuta: RobotSpec) -> None:
    together = replace(WIDE, when="interval", every_s=(0.06, 0.16), group="g")
    env = make_vec_env(varied(furuta, {SUPPLY: together, FRICTION: together}), B)
    env.reset(seed=0)
    drawn = told(env, 40)
    np.testing.assert_allclose(drawn[SUPPLY], drawn[FRICTION])
    assert len(np.unique(drawn[SUPPLY])) > 3 * B


def test_what_is_given_stays_for_the_episode(furuta: RobotSpec) -> None:
    spec = varied(furuta, {SUPPLY: replace(WIDE, when="step")})
    env = make_vec_env(spec, B, episode_s=5 * TICK_S)
    env.reset(seed=0, options={"parameters": {SUPPLY: 0.7}})
    drawn = told(env, 10)[SUPPLY]
    assert (drawn[:4] == 0.7).all()
    assert (np.diff(drawn[5:], axis=0) != 0).all()


def test_a_change_is_reproducible_on_any_number_of_threads(furuta: RobotSpec) -> None:
    spec = varied(furuta, furuta.randomization | {
        MASS: replace(WIDE, when="interval", every_s=(0.04, 0.1)),
        SUPPLY: replace(WIDE, when="step"),
        FRICTION: replace(WIDE, when="build"),
    })  # fmt: skip
    runs = []
    for threads in (1, 2):
        env = make_vec_env(spec, B, threads=threads, episode_s=0.3)
        obs = [env.reset(seed=4)[0]]
        obs += [env.step(np.full((B, 1), 0.2 * (-1) ** (k // 7)))[0] for k in range(40)]
        runs.append(np.array(obs))
    np.testing.assert_array_equal(*runs)


@each_engine
def test_a_changed_world_goes_on_as_a_new_one_from_the_same_state(
    backend: str, furuta: RobotSpec
) -> None:
    before, after = (
        sample_parameters(furuta.randomization, furuta.nominal, np.random.default_rng(s), B)
        | {path: np.full(B, 0.0) for path in furuta.nominal if path.endswith("latency_ms")}
        for s in (0, 1)
    )
    ids, changed = np.arange(B), np.array([0, 2])
    worlds, control, fresh = (make_worlds(furuta, B, backend=backend, threads=1) for _ in range(3))
    for some in (worlds, control):
        some.reset(before, ids)
        for _ in range(10):
            some.step(np.full((B, 1), 0.4))
    worlds.change({p: v[changed] for p, v in after.items()}, changed, tuple(after))
    fresh.reset(after, ids)
    fresh.set_true_state(*worlds.true_state(), ids)
    np.testing.assert_array_equal(worlds.true_state(), control.true_state())
    for _ in range(10):
        for some in (worlds, control, fresh):
            some.step(np.full((B, 1), -0.3))
    found = np.array(worlds.true_state())
    np.testing.assert_allclose(
        found[:, changed], np.array(fresh.true_state())[:, changed], atol=1e-6
    )
    np.testing.assert_array_equal(found[:, 1], np.array(control.true_state())[:, 1])
    assert (np.abs(found - np.array(control.true_state()))[:, changed] > 1e-3).all()


@each_engine
def test_a_command_on_its_way_arrives_although_the_world_changes(
    backend: str, furuta: RobotSpec
) -> None:
    worlds = make_worlds(furuta, 1, backend=backend, threads=1)
    worlds.reset(parameters(furuta, 1, actuators__motor__latency_ms=20.0), np.arange(1))
    worlds.step(np.ones((1, 1)))
    assert not worlds.true_state()[1].any()
    heavy = parameters(furuta, 1, actuators__motor__latency_ms=20.0, links__arm__mass=1.5)
    worlds.change(heavy, np.arange(1), [MASS])
    worlds.step(np.zeros((1, 1)))
    assert worlds.true_state()[1][0, 0] > 1.0


def test_the_single_robot_draws_at_the_same_times(furuta: RobotSpec) -> None:
    spec = varied(furuta, {
        MASS: replace(WIDE, when="build"),
        FRICTION: replace(WIDE, when="interval", every_s=(0.1, 0.1)),
        SUPPLY: replace(WIDE, when="step"),
        "joints.pendulum.damping": WIDE,
    })  # fmt: skip
    env = make_env(spec, seed=3)
    episodes = []
    for seed in (0, 1):
        infos = [env.reset(seed=seed)[1]]
        infos += [env.step(np.zeros(1))[4] for _ in range(12)]
        told = [info["parameters"] for info in infos]
        episodes.append({path: np.array([t[path] for t in told]) for path in told[0]})
    one, two = episodes
    assert len({*one[MASS], *two[MASS]}) == 1
    assert np.flatnonzero(np.diff(one[FRICTION])).tolist() == [5, 10]
    assert (np.diff(one[SUPPLY][1:]) != 0).all()
    for episode in episodes:
        assert len(set(episode["joints.pendulum.damping"])) == 1
    assert one["joints.pendulum.damping"][0] != two["joints.pendulum.damping"][0]
    assert make_env(spec, seed=4).reset(seed=0)[1]["parameters"][MASS] != one[MASS][0]


@each_engine
def test_one_long_wait_of_the_single_robot_changes_in_between(
    backend: str, furuta: RobotSpec
) -> None:
    often = {SUPPLY: replace(WIDE, when="interval", every_s=(0.1, 0.1))}
    supplies = []
    robots = [SimulatedRobot(furuta, often, np.random.default_rng(5), backend) for _ in range(2)]
    worlds = make_worlds(furuta, 1, backend=backend, threads=1)
    for robot in robots:
        robot.restart(np.random.default_rng(0))
        robot.send(Command(np.array([5.0])))
    for tick in range(1, 13):
        robots[0].wait_until(tick * TICK_S)
        supplies.append(robots[0].parameters[SUPPLY])
    robots[1].wait_until(12 * TICK_S)
    assert np.flatnonzero(np.diff(supplies)).tolist() == [4, 9]
    for tick, supply in enumerate(supplies):
        given = parameters(furuta, 1, actuators__motor__supply=supply)
        if tick == 0:
            worlds.reset(given, np.arange(1))
        worlds.change(given, np.arange(1), [SUPPLY])
        worlds.step(np.ones((1, 1)))
    for robot in robots:
        np.testing.assert_array_equal(robot.worlds.true_state(), worlds.true_state())
    assert worlds.true_state()[0][0, 0] > 0.5


@pytest.fixture
def env(furuta: RobotSpec) -> SimVecEnv:
    return make_vec_env(varied(furuta, {MASS: WIDE}), B, episode_s=2 * TICK_S)


def test_other_ranges_are_those_of_worlds_that_reset_later(env: SimVecEnv) -> None:
    start = env.reset(seed=0)[1]["parameters"][MASS]
    told(env, 2)  # prepared worlds of the old ranges are ready
    env.set_ranges({MASS: Variation(3.0, 4.0)})
    drawn = told(env, 3)[MASS]
    assert (drawn[0] < 2.0).all()
    assert (start < 2.0).all()
    assert ((drawn[1:] >= 3.0) & (drawn[1:] <= 4.0)).all()


@pytest.mark.parametrize("other", [{}, {MASS: replace(WIDE, when="build")}, {SUPPLY: WIDE}])
def test_only_ranges_can_be_changed(env: SimVecEnv, other: dict[str, Variation]) -> None:
    with pytest.raises(SettingsError, match="expected other ranges of the same parameters"):
        env.set_ranges(other)
