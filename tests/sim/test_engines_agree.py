"""The two engines are one robot: same commands, same motion, nominal and randomized."""

from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.arrays import Parameters
from robot_mbrl.contract.parameters.variation import sample_parameters
from sim.bullet_engine.worlds import BulletWorlds
from sim.mujoco_engine.worlds import MujocoWorlds
from tests.sim.laws.test_servo import servo

pytestmark = pytest.mark.bullet
B, TICKS = 4, 50  # 1 s at 50 Hz
FRICTIONLESS_RAD, FRICTION_RAD = 5e-4, 0.02
"""Largest difference of any joint within 1 s. The engines take the same kind of step and differ by
1e-4 rad; dry friction is exact in PyBullet and a soft constraint, which creeps, in MuJoCo."""


def draw(spec: RobotSpec, *, randomized: bool, friction: float | None) -> Parameters:
    variations = spec.randomization if randomized else {}
    drawn = sample_parameters(variations, spec.nominal, np.random.default_rng(4), B)
    if friction is not None:
        drawn |= {p: np.full(B, friction) for p in drawn if p.endswith(".friction")}
    return drawn


def measured(spec: RobotSpec, drawn: Parameters) -> dict[str, np.ndarray]:
    """True angles and encoder angles of both engines under equal commands, (2, T, 2, B, J)."""
    result = []
    for worlds in (MujocoWorlds(spec, B, threads=1), BulletWorlds(spec, B, processes=1)):
        worlds.reset(drawn, np.arange(B))
        home = ObservationLayout.from_spec(spec).hold(np.array([j.home_rad for j in spec.joints]))
        commands, noise = np.random.default_rng(1), np.random.default_rng(2)
        path = []
        for tick in range(TICKS):
            if tick % 5 == 0:
                action = home + commands.uniform(-0.2, 0.2, (B, len(home)))
            worlds.step(action)
            path.append((worlds.true_state()[0], worlds.measure(noise)))
        worlds.close()
        result.append(path)
    paths = np.array(result)
    return {"true": paths[:, :, 0], "encoder": paths[:, :, 1]}


@pytest.mark.parametrize("randomized", [False, True], ids=["nominal", "randomized"])
@pytest.mark.parametrize("friction", [0.01, None], ids=["frictionless", "friction"])
@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "arm", "cart_pole"])
def test_a_second_of_equal_commands(name: str, friction: float | None, randomized: bool) -> None:
    spec = load_robot(name)
    paths = measured(spec, draw(spec, randomized=randomized, friction=friction))
    tolerance = FRICTION_RAD if friction is None else FRICTIONLESS_RAD
    mujoco, bullet = paths["true"]
    assert np.ptp(mujoco, axis=0).max() > 50 * FRICTIONLESS_RAD
    np.testing.assert_allclose(bullet, mujoco, atol=tolerance)
    # An encoder may fall to the other side of an edge; MuJoCo's delays start at one whole step.
    counts = max(j.rad_per_count for j in spec.joints)
    step_rad = np.abs(np.diff(mujoco, axis=0)).max() / spec.control.substeps
    np.testing.assert_allclose(
        paths["encoder"][1], paths["encoder"][0], atol=tolerance + 1.01 * counts + step_rad
    )


@pytest.mark.parametrize(
    ("command", "motor"),
    [
        ("position", {}),
        ("position", {"no_load_speed_rad_s": 5.0, "torque_limit_nm": 0.01}),
        ("velocity", {}),
    ],
    ids=["position", "saturated", "velocity"],
)
def test_a_second_of_equal_servo_commands(
    command: str, motor: dict[str, float], tmp_path: Path
) -> None:
    """One law in both engines, clipped or not: they agree to rounding."""
    spec = servo(tmp_path, command, **motor)
    drawn, paths = draw(spec, randomized=False, friction=None), []
    scales = [f"actuators.motor.{key}" for key in ("stiffness", "damping", "torque_limit")]
    drawn |= {path: np.linspace(0.7, 1.4, B) for path in scales}
    for worlds in (MujocoWorlds(spec, B, threads=1), BulletWorlds(spec, B, processes=1)):
        worlds.reset(drawn, np.arange(B))
        commands, path = np.random.default_rng(0), []
        for tick in range(TICKS):
            if tick % 5 == 0:
                action = commands.uniform(-1, 1, (B, 1))
            worlds.step(action)
            path.append(worlds.true_state()[0])
        worlds.close()
        paths.append(np.array(path))
    assert np.ptp(paths[0], axis=0).min() > 0.1
    np.testing.assert_allclose(paths[1], paths[0], atol=1e-9)
