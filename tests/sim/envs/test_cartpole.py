"""The cart-pole of PETS against its equations of motion, written down by hand."""

import gymnasium
import numpy as np
import pytest

from robot_mbrl.contract.errors import NotFiniteError, ShapeError
from sim.envs.cartpole import NAME, STEPS, CartPoleSwingUpEnv

G, DAMPING, GEAR = 9.81, 1.0, 100.0
RADIUS, LENGTH, COM = 0.049, 0.6, 0.3
CART = 1000 * np.pi * 0.1**2 * (0.2 + 4 / 3 * 0.1)  # kg: a capsule of radius .1, half-length .1
POLE = 1000 * np.pi * RADIUS**2 * (LENGTH + 4 / 3 * RADIUS)


def pole_inertia() -> float:
    """About its centre, across: a cylinder and two half balls."""
    ends, rod = 1000 * 4 / 3 * np.pi * RADIUS**3, 1000 * np.pi * RADIUS**2 * LENGTH
    cylinder = rod * (RADIUS**2 / 4 + LENGTH**2 / 12)
    return cylinder + ends * (0.4 * RADIUS**2 + COM**2 + 3 / 4 * COM * RADIUS)


def acceleration(state: np.ndarray, force: float) -> np.ndarray:
    """d/dt of (x, angle, v, w), the angle 0 hanging and the pole's centre at x - COM sin(angle)."""
    _, angle, v, w = state
    coupling = -POLE * COM * np.cos(angle)
    mass = np.array([[CART + POLE, coupling], [coupling, pole_inertia() + POLE * COM**2]])
    torque = np.array([
        force - DAMPING * v - POLE * COM * np.sin(angle) * w**2,
        -DAMPING * w - POLE * G * COM * np.sin(angle),
    ])  # fmt: skip
    return np.concatenate([[v, w], np.linalg.solve(mass, torque)])


def runge_kutta(state: np.ndarray, force: float, dt: float) -> np.ndarray:
    k1 = acceleration(state, force)
    k2 = acceleration(state + dt / 2 * k1, force)
    k3 = acceleration(state + dt / 2 * k2, force)
    k4 = acceleration(state + dt * k3, force)
    return state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def test_it_moves_as_its_equations_say() -> None:
    env, rng = CartPoleSwingUpEnv(), np.random.default_rng(0)
    state = np.array([0.1, 0.4, -0.2, 0.3])
    env.reset(options={"qpos": state[:2], "qvel": state[2:]})
    for _ in range(30):
        u = rng.uniform(-1, 1, 1)
        obs, *_ = env.step(u)
        for _ in range(2):
            state = runge_kutta(state, GEAR * float(u[0]), 0.02)
        x, angle, v, w = state
        # The pole of the published file leans by 1/600 rad.
        np.testing.assert_allclose(obs, [x, np.cos(angle), np.sin(angle), v, w], atol=0.02)


def test_the_force_saturates_at_three_and_the_rail_ends() -> None:
    results = []
    for u in (3.0, 8.0):
        env = CartPoleSwingUpEnv()
        env.reset(options={"qpos": (0, 0), "qvel": (0, 0)})
        results.append(env.step(np.array([u]))[0])
    np.testing.assert_array_equal(*results)
    for _ in range(60):
        obs, *_ = env.step(np.array([3.0]))
    assert 2.3 < obs[0] < 2.8


def test_reward_is_one_upright_in_the_middle_and_less_by_effort() -> None:
    env = CartPoleSwingUpEnv()
    env.reset(options={"qpos": (0, np.pi), "qvel": (0, 0)})
    assert env.step(np.zeros(1))[1] == pytest.approx(1.0, abs=1e-3)
    env.reset(options={"qpos": (0, 0), "qvel": (0, 0)})
    assert env.step(np.zeros(1))[1] == pytest.approx(np.exp(-4.0), abs=1e-4)
    env.reset(options={"qpos": (0, 0), "qvel": (0, 0)})
    obs, reward, *_ = env.step(np.array([2.0]))
    assert reward == pytest.approx(float(env.task.reward(obs, np.array([2 / 3]))))


def test_trials_last_200_steps_and_seeds_choose_the_start() -> None:
    env = gymnasium.make(NAME)
    starts = [env.reset(seed=s)[0] for s in (1, 1, 2)]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert (starts[0] != starts[2]).all()
    drawn = np.array([env.reset()[0] for _ in range(400)])
    np.testing.assert_allclose(drawn[:, [0, 2, 3, 4]].std(0), 0.1, rtol=0.2)
    flags = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(STEPS)]
    assert flags[-1] == (False, True) and not any(t for _, t in flags[:-1])


def test_bad_actions_are_refused() -> None:
    env = CartPoleSwingUpEnv()
    env.reset(seed=0)
    with pytest.raises(NotFiniteError):
        env.step(np.array([np.nan]))
    with pytest.raises(ShapeError):
        env.step(np.zeros(2))
