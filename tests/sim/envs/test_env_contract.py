"""What a library may expect of the environments: seeds, clear errors, the same keys in `info`."""

import copy
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import hardware
from sim import make_env, make_vec_env
from tests.support.engines import each_engine

SINGLE = {"device_time_s", "fresh", "applied", "lateness_s", "skipped", "stop_reason", "message"}
VECTOR = {"applied", "final_obs", "_final_obs", "unstable", "parameters"}


@each_engine
@pytest.mark.parametrize("robot", ["arm", "furuta"])
def test_one_seed_decides_everything(robot: str, backend: str) -> None:
    """Resets without a seed, actions sampled from the space, the goals that tasks draw."""
    runs = []
    for seed in (7, 7, 8):
        envs: list[Any] = [make_env(robot, seed=seed, backend=backend)]
        envs.append(make_vec_env(robot, 3, seed=seed, backend=backend, threads=1))
        found = []
        for env in envs:
            found += [env.reset()[0], env.step(env.action_space.sample())[0], env.reset()[0]]
            env.close()
        runs.append(np.concatenate([x.ravel() for x in found]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


@each_engine
def test_a_step_outside_of_an_episode_raises(backend: str) -> None:
    env = make_env("furuta", backend=backend, episode_s=0.04)
    with pytest.raises(ResetNeeded, match=r"reset\(\) first"):
        env.step(np.zeros(1))
    env.reset(seed=0)
    assert [env.step(np.zeros(1))[3] for _ in range(2)] == [False, True]
    for _ in range(2):
        with pytest.raises(ResetNeeded):
            env.step(np.zeros(1))
    env.reset()
    env.step(np.zeros(1))
    env.close()
    vector = make_vec_env("furuta", 2, backend=backend, threads=1)
    with pytest.raises(ResetNeeded, match=r"reset\(\) first"):
        vector.step(np.zeros((2, 1)))
    vector.close()


def test_a_step_after_a_stop_or_on_a_machine_outside_of_an_episode_raises() -> None:
    env = hardware.make_env("furuta", "mock")
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(1))
    env.reset(seed=0)
    env.safe._robot._port.unplug()  # type: ignore[attr-defined]
    truncated = False
    while not truncated:
        *_, truncated, info = env.step(np.zeros(1))
    assert info["stop_reason"] == "link_lost"
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(1))
    env.close()


def unbraked(env: Any) -> None:
    """As under a load that no brake holds."""
    env.unwrapped.safe._braking.restrict = lambda action, now_s: action


@each_engine
def test_info_has_the_same_keys_always(backend: str) -> None:
    """After a reset, in the midst, at the end of the time, at a stop of the supervisor."""
    env = make_env("furuta", backend=backend, episode_s=1.0)
    infos = [env.reset(seed=0)[1]]
    unbraked(env)
    while not infos[-1]["stop_reason"]:  # full drive into the arm limit
        infos.append(env.step(np.ones(1))[4])
    assert {frozenset(info) for info in infos} == {frozenset(SINGLE | {"parameters"})}
    assert {type(v) for info in infos for v in (info["stop_reason"], info["message"])} == {str}
    assert infos[-1]["stop_reason"].startswith("limit_") and infos[-1]["message"]
    assert infos[-1]["device_time_s"] > infos[1]["device_time_s"] > 0
    assert infos[0]["applied"].shape == (1,)
    env.close()
    vector = make_vec_env("furuta", 2, backend=backend, threads=1, episode_s=0.06)
    infos = [vector.reset()[1]] + [vector.step(np.zeros((2, 1)))[4] for _ in range(4)]
    assert {frozenset(info) for info in infos} == {frozenset(VECTOR)}
    assert [info["_final_obs"].all() for info in infos] == [False, False, False, True, False]
    vector.close()


def test_info_of_a_machine_has_the_same_keys() -> None:
    env = hardware.make_env("furuta", "mock", episode_s=0.1)
    infos = [env.reset(seed=0)[1]] + [env.step(np.zeros(1))[4] for _ in range(5)]
    assert {frozenset(info) for info in infos} == {frozenset(SINGLE)}
    env.close()


def test_what_info_gives_is_the_callers() -> None:
    """Nothing of it is changed by later steps."""
    env, vector = make_env("furuta", seed=0), make_vec_env("furuta", 2, seed=0, threads=1)
    for one in (env, vector):
        one.reset()
        info = one.step(np.full(one.action_space.shape, 0.3))[4]
        kept = copy.deepcopy(info)
        one.step(np.full(one.action_space.shape, -0.3))
        np.testing.assert_equal(info, kept)
        one.close()
