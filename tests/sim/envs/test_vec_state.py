"""The vector environment's state: plain arrays from which another one goes on, bit for bit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.parameters.variation import Variation
from sim import make_vec_env
from sim.envs.generator_state import generator_array, generator_of
from sim.envs.vec_env import SimVecEnv
from tests.support.engines import each_engine
from tests.support.robots import furuta_toml, write_robot

B = 3
EVERYTHING: dict[str, Any] = {
    "joints": {
        "arm": {"static_friction_nm": 3e-4, "backlash_rad": 0.01, "freezes_per_s": 3.0},
        "pendulum": {"cogging_nm": 1e-4, "pushes_per_s": 5.0, "push_nm_s": 1e-4},
    },
    "links": {
        "pendulum": {"payload_kg": 5e-3, "payload_at_s": 0.2, "pushes_per_s": 5.0, "push_n_s": 1e-3}
    },
    "actuators": {
        "motor": {
            "jitter_ms": 5.0,
            "lost_share": 0.1,
            "heating_k": 50.0,
            "heating_s": 0.3,
            "source_resistance_ohm": 2.0,
        }
    },
    "sensors": {"jitter_ms": 2.0, "lost_share": 0.1, "repeated_share": 0.1},
    "gravity": {"tilt_rad": 0.1},
}


def busy(folder: Path) -> RobotSpec:
    """A furuta with every effect there is."""
    toml = furuta_toml() | {"effects": EVERYTHING}
    toml["actuator"][0]["dc_motor"]["inductance_h"] = 0.01
    return load_robot(write_robot(folder, toml))


def run(env: SimVecEnv, steps: int, seed: int) -> list[np.ndarray]:
    rng, found = np.random.default_rng(seed), []
    for _ in range(steps):
        obs, reward, terminated, truncated, info = env.step(rng.uniform(-1, 1, (B, 1)))
        values = list(info["parameters"].values())
        found.append(np.concatenate([obs.ravel(), reward, terminated, truncated, *values]))
    return found


def changing(folder: Path) -> RobotSpec:
    """The same, with parameters that change within episodes or stay with their world."""
    spec = busy(folder)
    wide = Variation(0.8, 1.2)
    varied = {
        "links.arm.mass": replace(wide, when="build"),
        "links.pendulum.mass": replace(wide, when="interval", every_s=(0.06, 0.2)),
        "actuators.motor.supply": replace(wide, when="step"),
        "joints.arm.static_friction_nm": Variation(0.0, 5e-4, when="interval", every_s=(0.1, 0.3)),
    }
    return replace(spec, randomization=spec.randomization | varied)


@each_engine
@pytest.mark.parametrize("robot", ["furuta", "with everything", "changing"])
def test_another_environment_goes_on_with_the_same_bits(
    backend: str, robot: str, tmp_path: Path
) -> None:
    """Amid episodes, with prepared worlds left, on another number of threads, by way of a file.

    PyBullet's processes cost a second to start: the robot with the most to carry over has them.
    """
    makers = {"furuta": lambda _: load_robot("furuta"), "with everything": busy}
    spec = (makers | {"changing": changing})[robot](tmp_path)
    # an uneven length: some worlds end by themselves before, so prepared ones are used up in part
    settings: dict[str, Any] = {"backend": backend, "episode_s": 0.5, "anywhere": 0.5}
    env = make_vec_env(spec, B, seed=4, threads=1, **settings)
    env.reset()
    env.steps[:] = [0, 7, 20]
    run(env, 15, seed=1)
    save_file(env.get_state(), tmp_path / "state.safetensors")
    expected = run(env, 40, seed=2)
    others = 2 if backend == "mujoco" or robot == "changing" else 1
    other = make_vec_env(spec, B, seed=99, threads=others, **settings)
    other.reset()
    run(other, 3, seed=3)
    other.set_state(load_file(tmp_path / "state.safetensors"))
    for tick, (mine, theirs) in enumerate(zip(expected, run(other, 40, seed=2), strict=True)):
        np.testing.assert_array_equal(mine, theirs, err_msg=f"tick {tick}")
    env.close()
    other.close()


@pytest.mark.bullet
def test_the_state_is_a_copy_and_names_what_does_not_fit() -> None:
    env = make_vec_env("furuta", B)
    env.reset(seed=0)
    state = env.get_state()
    kept = {name: values.copy() for name, values in state.items()}
    run(env, 5, seed=0)
    for name, values in state.items():
        assert isinstance(values, np.ndarray)
        np.testing.assert_array_equal(values, kept[name])
    assert any((values != kept[name]).any() for name, values in env.get_state().items())
    with pytest.raises(
        DataError, match=r"'observer.q': expected shape \(4, 2\), got shape \(3, 2\)"
    ):
        make_vec_env("furuta", 4).set_state(state)
    with pytest.raises(DataError, match=r"got nothing; it is of an environment with another"):
        make_vec_env("furuta", B, backend="pybullet").set_state(state)


def test_a_generator_comes_back_from_its_array() -> None:
    rng = np.random.default_rng(7)
    rng.integers(5, size=3, dtype=np.uint32)  # half of a word is left over
    again = generator_of(generator_array(rng))
    np.testing.assert_array_equal(rng.random(9), again.random(9))
    np.testing.assert_array_equal(
        rng.integers(99, size=3, dtype=np.uint32), again.integers(99, size=3, dtype=np.uint32)
    )
    with pytest.raises(DataError, match="expected a PCG64 generator, got Philox"):
        generator_array(np.random.Generator(np.random.Philox()))
