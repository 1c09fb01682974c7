"""The vector environment over each engine: gymnasium's interface, determinism, resets."""

import functools
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import NotFiniteError, SettingsError, ShapeError, SpecError
from robot_mbrl.contract.parameters.variation import sample_parameters
from sim import make_vec_env
from sim.envs.start_anywhere import ANYWHERE_SPEED
from sim.envs.vec_env import SimVecEnv
from tests.support.engines import mass_of_arm

B = 3
Make = Callable[..., SimVecEnv]


@pytest.fixture(params=["mujoco", "pybullet"])
def make(request: pytest.FixtureRequest) -> Make:
    return functools.partial(make_vec_env, backend=request.param)


def drive(env: Any, steps: int, seed: int = 0) -> list[np.ndarray]:
    """Observations under random actions, the same for every environment of this size."""
    rng = np.random.default_rng(seed)
    shape = (steps, B, 1)
    return [env.step(a[: env.num_envs])[0] for a in rng.uniform(-0.3, 0.3, shape)]


def differing_worlds(spec: RobotSpec) -> dict[str, np.ndarray]:
    """Drawn parameters without encoder noise, whose draws depend on the number of worlds."""
    given = sample_parameters(spec.randomization, spec.nominal, np.random.default_rng(5), B)
    return given | {"sensors.noise_counts": np.zeros(B)}


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum"])
def test_gymnasium_vector_interface(make: Make, name: str) -> None:
    env = make(name, B, seed=1)
    assert isinstance(env, VectorEnv)
    assert env.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert env.num_envs == B
    obs, info = env.reset(seed=3)
    size = env.layout.size
    assert env.single_observation_space.shape == (size,)
    assert obs.shape == env.observation_space.shape == (B, size)
    assert obs.dtype == env.observation_space.dtype == np.float32
    assert env.observation_space.contains(obs)
    assert isinstance(info, dict)
    env.action_space.seed(0)
    for _ in range(30):
        action = env.action_space.sample()
        assert action.shape == (B, env.layout.action_size)
        obs, reward, terminated, truncated, info = env.step(action)
        assert env.observation_space.contains(obs)
        assert reward.shape == terminated.shape == truncated.shape == (B,)
        assert reward.dtype == np.float64
        assert terminated.dtype == truncated.dtype == np.bool_
    env.close()


def test_gymnasium_wrappers_apply(make: Make) -> None:
    env = RecordEpisodeStatistics(make("furuta", B, episode_s=0.1))
    env.reset(seed=0)
    for _ in range(5):
        *_, truncated, info = env.step(np.zeros((B, 1), np.float32))
    assert truncated.all()
    assert info["episode"]["l"].tolist() == [5] * B


def test_many_worlds_equal_so_many_single_ones_bit_for_bit(make: Make, furuta: RobotSpec) -> None:
    given = differing_worlds(furuta)
    many = make(furuta, B, randomize=False)
    first, _ = many.reset(options={"parameters": given})
    together = [first, *drive(many, 40)]
    for world in range(B):
        single = make(furuta, 1, randomize=False, threads=1)
        alone = {path: values[world : world + 1] for path, values in given.items()}
        obs, _ = single.reset(options={"parameters": alone})
        rng = np.random.default_rng(0)
        actions = rng.uniform(-0.3, 0.3, (40, B, 1))[:, world : world + 1]
        rest = [single.step(a)[0] for a in actions]
        np.testing.assert_array_equal(np.array(together)[:, world], np.array([obs, *rest])[:, 0])


def test_same_seed_same_trajectory_on_any_number_of_threads(make: Make, furuta: RobotSpec) -> None:
    runs = []
    for seed, threads in [(7, 1), (7, 2), (8, 1)]:
        env = make(furuta, B, threads=threads)
        obs, _ = env.reset(seed=seed)
        runs.append(np.array([obs, *drive(env, 25)]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any(axis=(0, 2)).all()


def test_seed_of_the_constructor_is_that_of_the_first_reset(make: Make, furuta: RobotSpec) -> None:
    a, b = make(furuta, B, seed=9), make(furuta, B, seed=1)
    np.testing.assert_array_equal(a.reset()[0], b.reset(seed=9)[0])
    again, _ = a.reset()  # goes on with the same generator
    assert (again != b.reset(seed=9)[0]).any()


def test_a_seed_also_fixes_the_worlds_that_come_after_the_first(furuta: RobotSpec) -> None:
    env, runs = make_vec_env(furuta, B, episode_s=0.1), []
    for steps in (23, 11):
        env.reset(seed=6)
        runs.append(np.array(drive(env, steps)))
    np.testing.assert_array_equal(runs[0][:11], runs[1])


def test_without_randomization_every_world_is_nominal_and_hangs_at_rest(
    make: Make, furuta: RobotSpec
) -> None:
    env = make(furuta, B, randomize=False)
    _, info = env.reset(seed=0)
    for path, values in info["parameters"].items():
        np.testing.assert_array_equal(values, np.full(B, furuta.nominal[path]))
    q, v = env.worlds.true_state()
    assert not q.any()
    assert not v.any()


def test_sampled_parameters_are_in_info_and_stay_as_they_were(
    make: Make, furuta: RobotSpec
) -> None:
    env = make(furuta, B, episode_s=0.1)
    _, info = env.reset(seed=2)
    start = {path: values.copy() for path, values in info["parameters"].items()}
    assert start.keys() == furuta.nominal.keys()
    for path, variation in furuta.randomization.items():
        assert ((start[path] >= variation.low) & (start[path] <= variation.high)).all()
        assert np.ptp(start[path]) > 0
    for _ in range(5):
        later = env.step(np.zeros((B, 1)))[4]
    # A new episode has new worlds; the old info still tells the old ones.
    for path, values in start.items():
        assert (later["parameters"][path] != values).all()
        np.testing.assert_array_equal(info["parameters"][path], values)


def test_given_parameters_are_those_of_the_worlds(make: Make, furuta: RobotSpec) -> None:
    env = make(furuta, B)
    masses = np.array([0.5, 1.0, 2.0])
    _, info = env.reset(seed=0, options={"parameters": {"links.arm.mass": masses}})
    np.testing.assert_array_equal(info["parameters"]["links.arm.mass"], masses)
    got = [mass_of_arm(env.worlds, world) for world in range(B)]
    np.testing.assert_allclose(got, 0.095 * masses)


def test_time_limit_resets_in_the_same_step_and_gives_the_true_last_observation(
    make: Make,
    furuta: RobotSpec,
) -> None:
    given = {"parameters": differing_worlds(furuta)}
    short = make(furuta, B, episode_s=0.2)
    long = make(furuta, B, episode_s=9.0)
    short.reset(seed=1, options=given)
    long.reset(seed=1, options=given)
    rng = np.random.default_rng(4)
    for tick in range(1, 11):
        action = rng.uniform(-0.3, 0.3, (B, 1))
        obs, reward, terminated, truncated, info = short.step(action)
        expected, expected_reward, *_ = long.step(action)
        assert not terminated.any()
        assert truncated.all() == (tick == 10)
        np.testing.assert_array_equal(reward, expected_reward)
        if tick < 10:
            assert not info["_final_obs"].any()
            np.testing.assert_array_equal(obs, expected)
    np.testing.assert_array_equal(info["final_obs"], expected)
    assert info["_final_obs"].all()
    layout = short.layout
    assert not layout.velocities(obs).any()
    assert not obs[:, layout.column("motor.action[-1]")].any()
    np.testing.assert_array_equal(
        obs[:, layout.column("pendulum.sin")], obs[:, layout.column("pendulum.sin[-9]")]
    )
    for _ in range(9):
        assert not short.step(np.zeros((B, 1)))[3].any()
    assert short.step(np.zeros((B, 1)))[3].all()


def test_only_the_terminated_world_resets(make: Make, furuta: RobotSpec) -> None:
    env = make(furuta, B, randomize=False)
    env.reset(options={"parameters": {"sensors.noise_counts": 0.0}})
    action = np.array([[0.0], [1.0], [0.05]])
    at = env.layout.column("arm.position")
    for _ in range(100):
        obs, _, terminated, truncated, info = env.step(action)
        if terminated.any():
            break
    assert terminated.tolist() == info["_final_obs"].tolist() == [False, True, False]
    assert not truncated.any()
    assert info["final_obs"][1, at] > 1.9
    assert abs(obs[1, at]) < 0.01
    assert obs[2, at] == info["final_obs"][2, at] > 0.01
    assert env.steps.tolist()[1] == 0
    assert env.steps[0] == env.steps[2] > 0


def test_time_limit_of_a_terminated_world_is_not_also_a_truncation(
    make: Make, furuta: RobotSpec
) -> None:
    env = make(furuta, 1, randomize=False, episode_s=60.0)
    env.reset()
    ticks = 0
    while not env.step(np.ones((1, 1)))[2].any():
        ticks += 1
    again = make(furuta, 1, randomize=False, episode_s=(ticks + 1) / 50)
    again.reset()
    for _ in range(ticks + 1):
        *_, terminated, truncated, _ = again.step(np.ones((1, 1)))
    assert terminated.all()
    assert not truncated.any()


def test_actions_are_checked_then_clamped(make: Make, furuta: RobotSpec) -> None:
    env = make(furuta, B, randomize=False)
    env.reset()
    with pytest.raises(ShapeError, match=r"actions: expected shape \(3, 1\), got \(3,\)"):
        env.step(np.zeros(B))
    for bad in (np.nan, np.inf):
        with pytest.raises(NotFiniteError, match="actions"):
            env.step(np.full((B, 1), bad))
    given = {"parameters": {"sensors.noise_counts": 0.0}}
    runs = []
    for size in (1.0, 30.0):
        env.reset(options=given)
        runs.append(env.step(np.full((B, 1), size))[0])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert runs[1][0, env.layout.column("motor.action[-1]")] == 1.0


def test_anywhere_starts_that_share_of_worlds_at_any_angle(furuta: RobotSpec) -> None:
    env = make_vec_env(furuta, 600, anywhere=0.4)
    _, info = env.reset(seed=0)
    angle = info["parameters"]["initial.pendulum.position_rad"]
    speed = info["parameters"]["initial.pendulum.velocity_rad_s"]
    far = np.abs(angle) > 0.2
    assert far.mean() == pytest.approx(0.4 * (1 - 0.2 / np.pi), abs=0.06)
    assert np.abs(angle).max() > 3.0
    assert 7.5 < np.abs(speed).max() <= ANYWHERE_SPEED * 60.0
    assert np.abs(info["parameters"]["initial.arm.position_rad"]).max() <= 0.3  # does not wrap
    np.testing.assert_array_equal(env.worlds.true_state()[0][:, 1], angle)


@pytest.mark.parametrize(
    ("path", "value", "error", "message"),
    [
        ("links.arm.weight", 1.0, SettingsError, "'links.arm.weight' is unknown. .*arm.mass"),
        ("actuators.motor.latency_ms", 31.0, SpecError, "expected at most 30 ms, .*got 31"),
    ],
)
def test_impossible_parameters_are_refused(
    make: Make, path: str, value: float, error: type[Exception], message: str, furuta: RobotSpec
) -> None:
    env = make(furuta, B)
    with pytest.raises(error, match=message):
        env.reset(options={"parameters": {path: np.array([1.0, value, 2.0])}})


def test_observation_space_bounds_what_is_bounded(make: Make) -> None:
    env = make("furuta", 1)
    space = env.single_observation_space
    assert isinstance(space, gymnasium.spaces.Box)
    high = dict(zip(env.layout.columns, space.high.tolist(), strict=True))
    assert high["pendulum.sin[-3]"] == high["pendulum.cos"] == high["motor.action[-2]"] == 1.0
    assert high["arm.position"] > 2.0071
    assert high["arm.velocity[-1]"] > 60.0
    assert env.single_action_space.low.tolist() == [-1.0]
