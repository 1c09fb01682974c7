"""Latencies, encoders and randomization of the simulated worlds, in each engine."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.parameters.variation import sample_parameters
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import make_worlds
from tests.support.engines import each_engine, mass_of_arm, parameters
from tests.support.robots import one_joint

MS = 1e-3
FAST: dict[str, Any] = {  # one physics step of 1 ms per tick
    "control": {
        "rate_hz": 1000,
        "physics_rate_hz": 1000,
        "action_history": 0,
        "observation_history": 0,
    },
    "sensor": {"latency_ms": 15.0, "noise_counts": 0.0},
}


@each_engine
def test_action_latency_shifts_the_response(backend: str, tmp_path: Path) -> None:
    """Constant torque from t = 0 under latency d: speed a max(0, t - d). Commands are held, so a
    fraction of a physics step counts as a whole one."""
    spec = one_joint(tmp_path, command="torque", edit=FAST)
    latency_ms = np.array([0.0, 1.0, 2.5, 3.0, 12.0])
    worlds = make_worlds(spec, 5, backend=backend, threads=1)
    given = parameters(
        spec, 5, actuators__motor__latency_ms=latency_ms, actuators__motor__torque_constant=0.001
    )
    worlds.reset(given, np.arange(5))
    acceleration = 0.001 * 5.0 / 1e-4
    for tick in range(1, 21):
        worlds.step(np.ones((5, 1)))
        delay = np.ceil(latency_ms)
        expected = acceleration * np.maximum(0, tick - delay) * MS
        np.testing.assert_allclose(worlds.true_state()[1][:, 0], expected, rtol=1e-6, atol=1e-9)


@each_engine
def test_sensor_latency_shifts_the_measurement(backend: str, tmp_path: Path) -> None:
    """At constant speed w an angle of age d reads q0 + w max(0, t - d); it starts at q0, not 0.
    It is interpolated between physics steps."""
    spec = one_joint(tmp_path, command="torque", edit=FAST)
    latency_ms = np.array([0.0, 0.3, 4.5, 10.0, 15.0])
    worlds = make_worlds(spec, 5, backend=backend, threads=1)
    given = parameters(
        spec,
        5,
        sensors__latency_ms=latency_ms,
        initial__pendulum__position_rad=0.7,
        initial__pendulum__velocity_rad_s=2.0,
    )
    worlds.reset(given, np.arange(5))
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(worlds.measure(rng)[:, 0], 0.7, atol=1e-8)
    for tick in range(1, 31):
        worlds.step(np.zeros((5, 1)))
        expected = 0.7 + 2.0 * MS * np.maximum(0.0, tick - latency_ms)
        np.testing.assert_allclose(worlds.measure(rng)[:, 0], expected, atol=1e-7)


@each_engine
def test_putting_a_world_somewhere_also_puts_its_delayed_sensor_there(
    backend: str, tmp_path: Path
) -> None:
    spec = one_joint(tmp_path, command="torque", edit=FAST)
    worlds = make_worlds(spec, 3, backend=backend, threads=1)
    worlds.reset(parameters(spec, 3), np.arange(3))
    for _ in range(20):
        worlds.step(np.ones((3, 1)))
    before = worlds.measure(np.random.default_rng(0))
    worlds.set_true_state(np.array([[2.0]]), np.array([[0.0]]), np.array([1]))
    after = worlds.measure(np.random.default_rng(0))
    assert after[1, 0] == pytest.approx(2.0, abs=1e-8)
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])


def test_encoder_rounds_to_the_nearest_count(tmp_path: Path) -> None:
    counts = 512
    spec = one_joint(tmp_path, counts=counts)
    worlds = MujocoWorlds(spec, 997, threads=1)
    angles = np.random.default_rng(2).uniform(-7, 7, 997)
    worlds.reset(parameters(spec, 997, initial__pendulum__position_rad=angles), np.arange(997))
    measured = worlds.measure(np.random.default_rng(0))[:, 0]
    count = 2 * math.pi / counts
    np.testing.assert_allclose(measured / count, np.round(measured / count), atol=1e-9)
    error = (measured - angles) / count
    assert np.abs(error).max() <= 0.5 + 1e-9
    assert error.mean() == pytest.approx(0, abs=0.04)
    assert error.std() == pytest.approx(math.sqrt(1 / 12), rel=0.1)


def test_encoder_noise_has_the_stated_standard_deviation(tmp_path: Path) -> None:
    counts, worlds_count = 512, 1201
    spec = one_joint(tmp_path, counts=counts)
    worlds = MujocoWorlds(spec, worlds_count, threads=1)
    angles = np.random.default_rng(2).uniform(-3, 3, worlds_count)
    for sigma in (0.5, 2.0):
        given = parameters(
            spec, worlds_count, initial__pendulum__position_rad=angles, sensors__noise_counts=sigma
        )
        worlds.reset(given, np.arange(worlds_count))
        error = (worlds.measure(np.random.default_rng(0))[:, 0] - angles) / (2 * math.pi / counts)
        assert error.std() == pytest.approx(math.sqrt(sigma**2 + 1 / 12), rel=0.07)
        assert error.mean() == pytest.approx(0, abs=0.2)


@each_engine
def test_supply_scales_the_voltage(backend: str, tmp_path: Path) -> None:
    spec = one_joint(tmp_path, edit={"control": FAST["control"]})
    worlds = make_worlds(spec, 3, backend=backend, threads=1)
    worlds.reset(parameters(spec, 3, actuators__motor__supply=[0.5, 1.0, 1.1]), np.arange(3))
    worlds.step(np.ones((3, 1)))
    speed = worlds.true_state()[1][:, 0]
    np.testing.assert_allclose(speed / speed[1], [0.5, 1.0, 1.1], rtol=1e-9)


@each_engine
def test_torque_constant_also_counts_in_the_back_emf(backend: str, tmp_path: Path) -> None:
    """Twice the constant: half the no-load speed V / k."""
    slow = {"control": FAST["control"] | {"rate_hz": 1, "physics_rate_hz": 500}}
    spec = one_joint(tmp_path, edit=slow)
    worlds = make_worlds(spec, 2, backend=backend, threads=1)
    worlds.reset(parameters(spec, 2, actuators__motor__torque_constant=[1.0, 2.0]), np.arange(2))
    for _ in range(4):
        worlds.step(np.full((2, 1), 0.2))
    np.testing.assert_allclose(worlds.true_state()[1][:, 0], [1 / 0.042, 1 / 0.084], rtol=1e-3)


CHANGED = {  # by the last word of a parameter's path: a value that differs from nominal
    "mass": 1.2,
    "length": 1.2,
    "damping": 3.0,
    "friction": 3.0,
    "resistance": 1.2,
    "torque_constant": 1.2,
    "supply": 0.9,
    "latency_ms": 18.0,
    "noise_counts": 1.0,
    "position_rad": 0.3,
    "velocity_rad_s": 1.0,
}


@each_engine
@pytest.mark.parametrize("name", ["furuta", "simple_pendulum"])
def test_every_parameter_matters(backend: str, name: str) -> None:
    """Two nominal worlds and, for each parameter, one in which it alone differs."""
    spec = load_robot(name)
    count = 2 + len(spec.nominal)
    given = parameters(spec, count, sensors__noise_counts=0.0)
    for world, path in enumerate(spec.nominal, start=2):
        given[path][world] = CHANGED[path.rsplit(".", 1)[-1]]
    worlds = make_worlds(spec, count, backend=backend, threads=1)
    worlds.reset(given, np.arange(count))
    rng, measured = np.random.default_rng(0), []
    for action in np.repeat(np.random.default_rng(1).uniform(-1, 1, 10), 6):
        worlds.step(np.full((count, 1), action))
        measured.append(worlds.measure(rng))
    off = np.abs(np.array(measured) - np.array(measured)[:, :1]).max((0, 2))
    assert off[1] == 0.0
    count_rad = 2 * math.pi / spec.joints[-1].encoder_counts_per_rev
    assert [p for p, o in zip(spec.nominal, off[2:], strict=True) if o < 0.9 * count_rad] == []


@each_engine
def test_reset_of_some_worlds_leaves_the_others_alone(backend: str, furuta: RobotSpec) -> None:
    worlds = make_worlds(furuta, 3, backend=backend, threads=1)
    worlds.reset(parameters(furuta, 3, initial__pendulum__position_rad=0.5), np.arange(3))
    for _ in range(5):
        worlds.step(np.full((3, 1), 0.4))
    before = worlds.true_state()
    worlds.reset(parameters(furuta, 1, links__arm__mass=1.2), np.array([1]))
    after = worlds.true_state()
    for b, a in zip(before, after, strict=True):
        np.testing.assert_array_equal(a[[0, 2]], b[[0, 2]])
        np.testing.assert_array_equal(a[1], 0.0)
    assert [mass_of_arm(worlds, w) for w in (0, 1)] == pytest.approx([0.095, 1.2 * 0.095])


@each_engine
def test_a_reset_world_has_forgotten_its_pending_actions(backend: str, furuta: RobotSpec) -> None:
    """The latency buffer of the last episode must not push the next one."""
    worlds = make_worlds(furuta, 2, backend=backend, threads=1)
    worlds.reset(parameters(furuta, 2), np.arange(2))
    for _ in range(5):
        worlds.step(np.ones((2, 1)))
    worlds.reset(parameters(furuta, 1), np.array([0]))
    worlds.step(np.zeros((2, 1)))
    np.testing.assert_array_equal(worlds.true_state()[0][0], 0.0)
    np.testing.assert_array_equal(worlds.true_state()[1][0], 0.0)


@each_engine
def test_a_prepared_world_is_the_one_that_a_reset_builds(backend: str, furuta: RobotSpec) -> None:
    rng, three = np.random.default_rng(1), np.arange(3)
    given = sample_parameters(furuta.randomization, furuta.nominal, rng, 3)
    given["sensors.noise_counts"][:] = 0.0
    built, renewed = (make_worlds(furuta, 3, backend=backend, threads=1) for _ in range(2))
    built.reset(given, three)
    renewed.reset(parameters(furuta, 3, initial__arm__velocity_rad_s=1.0), three)
    renewed.step(np.ones((3, 1)))
    order = [1, 2, 0]
    renewed.prepare({path: values[order] for path, values in given.items()})
    np.testing.assert_array_equal(renewed.measure_prepared(rng), built.measure(rng)[order])
    renewed.renew(slice(0, 2), np.array([1, 2]))
    renewed.renew(slice(2, 3), np.array([0]))
    for action in rng.uniform(-1, 1, (30, 3, 1)):
        np.testing.assert_array_equal(renewed.measure(rng), built.measure(rng))
        np.testing.assert_array_equal(renewed.true_state(), built.true_state())
        renewed.step(action)
        built.step(action)
    assert (np.abs(built.true_state()[1]) > 0.01).all()
