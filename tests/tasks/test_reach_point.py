"""The task of the arm: its goals, its reward, what it tells policy and value."""

import math
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import hardware
import sim
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.description.spec import TaskSpec
from robot_mbrl.contract.errors import NotFiniteError, ShapeError, SpecError
from robot_mbrl.tasks import ReachPoint, make_task


@pytest.fixture(scope="module")
def spec() -> RobotSpec:
    return load_robot("arm")


@pytest.fixture(scope="module")
def task(spec: RobotSpec) -> ReachPoint:
    made = make_task(spec)
    assert isinstance(made, ReachPoint)
    return made


def observe(task: ReachPoint, q: np.ndarray, goal: Any, **columns: float) -> np.ndarray:
    obs = np.zeros(task.layout.size)
    obs[: len(q)] = q
    obs[-3:] = goal
    for name, value in columns.items():
        obs[task.layout.column(name.replace("__", "."))] = value
    return obs


def test_goals_are_reachable_above_the_table_and_spread(task: ReachPoint) -> None:
    goals = task.draw_goals(np.random.default_rng(0), 500)
    assert goals.shape == (500, 3)
    assert goals[:, 2].min() >= task.lowest_m == 0.05
    shoulder = np.linalg.norm(goals - [0, 0, 0.085], axis=1)
    assert shoulder.max() <= 0.4 + 1e-9
    assert (np.ptp(goals, axis=0) > 0.3).all()
    np.testing.assert_array_equal(goals, task.draw_goals(np.random.default_rng(0), 500))
    assert not (goals == task.draw_goals(np.random.default_rng(1), 500)).any()


def test_at_goal_within_two_centimetres(task: ReachPoint) -> None:
    q = np.array([0.3, 0.2, 0.9, 0.4, 0.0])
    tip = task.tip(observe(task, q, [0, 0, 0]))
    for off, reached in [(0.0, True), (0.0199, True), (0.0201, False), (0.3, False)]:
        assert bool(task.at_goal(observe(task, q, np.add(tip, [0, off, 0])))) == reached
        assert not task.terminated(observe(task, q, np.add(tip, [0, off, 0])))


def test_reward_by_hand(task: ReachPoint) -> None:
    q = np.array([0.3, 0.2, 0.9, 0.4, 0.0])
    tip = task.tip(observe(task, q, [0, 0, 0]))
    still = observe(task, q, np.add(tip, [0, 0, 0.01]))
    there = 0.5 / 1.01 + 0.5 * math.exp(-0.5)
    assert task.reward(still, np.zeros(5)) == pytest.approx(there)
    moving = observe(task, q, np.add(tip, [0, 0, 0.01]), pan__velocity=2.0)
    assert task.reward(moving, np.zeros(5)) == pytest.approx(
        0.5 / 1.01 + 0.5 * math.exp(-0.5 - 4 / 5)
    )
    step = task.layout.action_step[0]
    changing = observe(task, q, np.add(tip, [0, 0, 0.01]))
    changing[task.layout.column("pan_servo.action[-1]")] = step
    assert task.reward(changing, np.zeros(5)) == pytest.approx(there - 0.02 / 5)


def test_features_tell_the_way_and_which_joint_helps(task: ReachPoint) -> None:
    """Stretched forward, a goal to the left is turned to by the pan, and by no pitch joint."""
    q = np.array([0.0, math.pi / 2, 0.0, 0.0, 0.0])
    tip = task.tip(observe(task, q, [0, 0, 0]))
    np.testing.assert_allclose(tip, [0.4, 0, 0.085], atol=1e-12)
    features = task.features(observe(task, q, np.add(tip, [0, 0.1, 0])))
    np.testing.assert_allclose(features[:3], [0, 0.1, 0], atol=1e-12)
    np.testing.assert_allclose(features[3:], [0.4 * 0.1 / 0.12, 0, 0, 0, 0], atol=1e-6)


def test_numpy_and_torch_agree(task: ReachPoint) -> None:
    obs = np.random.default_rng(0).standard_normal((3, 4, task.layout.size))
    x, action = torch.as_tensor(obs), np.zeros((3, 4, 5))
    reward = task.reward(x, torch.as_tensor(action), xp=torch)
    np.testing.assert_allclose(reward.numpy(), task.reward(obs, action), rtol=1e-12)
    np.testing.assert_allclose(task.features(x, xp=torch).numpy(), task.features(obs), rtol=1e-9)
    assert not task.terminated(x, xp=torch).any()


def test_a_task_without_its_goal_columns_is_refused(spec: RobotSpec) -> None:
    with pytest.raises(SpecError, match=r"expected \[task\] goal = \['x_m', 'y_m', 'z_m'\]"):
        make_task(replace(spec, task=replace(spec.task, goal=())))
    with pytest.raises(SpecError, match="task 'reach_pose' knows no goals"):
        make_task(replace(spec, task=TaskSpec("reach_pose", {"target_rad": {"pan": 0.1}}, ("x",))))
    with pytest.raises(SpecError, match="no link 'hook'"):
        make_task(replace(spec, task=replace(spec.task, tip="hook")))


@pytest.mark.parametrize("backend", ["mujoco", "pybullet"])
def test_environments_draw_goals_by_seed(spec: RobotSpec, backend: str) -> None:
    single = sim.make_env(spec, backend=backend)
    first = single.reset(seed=5)[0][-3:]
    second = single.reset()[0][-3:]
    assert (first != second).any()
    np.testing.assert_array_equal(first, single.reset(seed=5)[0][-3:])
    obs = single.step(np.zeros(5, dtype=np.float32))[0]
    np.testing.assert_array_equal(obs[-3:], first)
    single.close()
    many = sim.make_vec_env(spec, 3, backend=backend, episode_s=0.04, threads=1)
    start = many.reset(seed=5)[0][:, -3:]
    assert len(np.unique(start[:, 0])) == 3
    np.testing.assert_array_equal(start, many.reset(seed=5)[0][:, -3:])
    many.step(np.zeros((3, 5)))
    obs, _, _, truncated, info = many.step(np.zeros((3, 5)))
    assert truncated.all()
    np.testing.assert_array_equal(info["final_obs"][:, -3:], start)
    assert (obs[:, -3:] != start).any(1).all()
    given = many.reset(options={"goal": [0.2, 0.1, 0.3]})[0]
    np.testing.assert_allclose(given[:, -3:], [[0.2, 0.1, 0.3]] * 3, rtol=1e-6)
    many.close()


def test_given_goals_are_checked(spec: RobotSpec) -> None:
    env = sim.make_env(spec)
    assert env.reset(options={"goal": (0.2, 0.0, 0.3)})[0][-3] == pytest.approx(0.2)
    with pytest.raises(ShapeError):
        env.reset(options={"goal": (0.2, 0.0)})
    with pytest.raises(NotFiniteError):
        env.reset(options={"goal": (0.2, math.nan, 0.3)})


def test_the_real_robots_environment_draws_goals_too(spec: RobotSpec) -> None:
    env = hardware.make_env(spec, "mock")
    first = env.reset(seed=3)[0][-3:]
    np.testing.assert_array_equal(first, env.reset(seed=3)[0][-3:])
    assert (first != env.reset()[0][-3:]).any()
    env.close()


@pytest.mark.parametrize("backend", ["mujoco", "pybullet"])
def test_check_env(spec: RobotSpec, backend: str) -> None:
    env: gymnasium.Env[Any, Any] = sim.make_env(spec, backend=backend, episode_s=0.2)
    check_env(env, skip_render_check=True)
    env.close()


def test_a_jump_of_the_command_is_slewed_and_told(spec: RobotSpec) -> None:
    """2 rad/s at 50 Hz are 0.04 rad a tick, in both environments."""
    layout = ObservationLayout.from_spec(spec)
    step = np.array([0.04 / a.limit for a in spec.actuators])
    np.testing.assert_allclose(layout.action_step, step)
    many = sim.make_vec_env(spec, 2, threads=1)
    obs, _ = many.reset(seed=0)
    held = layout.last_action(obs.astype(float))
    np.testing.assert_allclose(held, layout.hold(obs[:, :5].astype(float)), atol=1e-6)
    obs, _, _, _, info = many.step(np.ones((2, 5)))
    np.testing.assert_allclose(info["applied"], np.minimum(held + step, 1), atol=1e-6)
    np.testing.assert_allclose(layout.last_action(obs), info["applied"], atol=1e-6)
    single = sim.make_env(spec)
    obs, _ = single.reset(seed=0)
    held = layout.last_action(obs.astype(float))
    obs, _, _, _, info = single.step(np.ones(5))
    np.testing.assert_allclose(info["applied"], np.minimum(held + step, 1), atol=1e-6)
