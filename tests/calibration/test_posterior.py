"""Unmodelled friction among the worlds that a log is compared with."""

from dataclasses import replace

import numpy as np
import pytest

import sim
from calibration.friction_prior import with_friction_prior
from calibration.log_windows import LogWindows
from calibration.posterior import posterior_worlds
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.parameters.variation import Variation, sample_parameters
from sim.mujoco_engine.worlds import MujocoWorlds

SPEC = load_robot("furuta")
STATIC, COGGING = "joints.arm.static_friction_nm", "joints.arm.cogging_nm"
STALL_NM = 5.0 / 8.4 * 0.042  # V / R * kt of robot.toml


def test_ranges_are_shares_of_what_the_motor_can() -> None:
    wide = with_friction_prior(SPEC)
    assert wide.randomization[STATIC].high == pytest.approx(0.1 * STALL_NM)
    assert wide.randomization[COGGING].high == pytest.approx(0.05 * STALL_NM)
    new = set(wide.randomization) - set(SPEC.randomization)
    assert {path.rsplit(".", 1)[0] for path in new} == {"joints.arm"}  # none drives the pendulum
    drawn = sample_parameters(wide.randomization, wide.nominal, np.random.default_rng(0), 200)
    assert all(drawn[path].std() > 0 for path in new)


def test_what_the_robot_says_itself_stays() -> None:
    own = Variation(0.0, 1e-4, operation="set")
    said = replace(
        SPEC,
        effects={STATIC: 0.0, COGGING: 2e-4},
        randomization=SPEC.randomization | {STATIC: own},
    )
    wide = with_friction_prior(said)
    assert wide.randomization[STATIC] == own
    assert wide.effects[COGGING] == 2e-4 and COGGING not in wide.randomization


@pytest.mark.parametrize("robot", ["furuta", "simple_pendulum", "arm"])
def test_every_shipped_robot_can_have_unmodelled_friction(robot: str) -> None:
    wide = with_friction_prior(load_robot(robot))
    env = sim.make_vec_env(wide, 3)
    obs, info = env.reset(seed=0)
    for _ in range(5):
        obs, *_ = env.step(np.zeros(env.action_space.shape, np.float32))
    env.close()
    assert np.isfinite(obs).all()
    path = f"joints.{wide.actuators[0].joint}.static_friction_nm"
    assert (info["parameters"][path] > 0).all()


def sticking(spec: RobotSpec, static_nm: float, windows: int = 40, ticks: int = 10) -> LogWindows:
    """Windows of the nominal furuta that sticks so much, under random steps of the command."""
    rng, wide = np.random.default_rng(5), with_friction_prior(spec)
    values = wide.nominal | {STATIC: static_nm}
    worlds, everyone = MujocoWorlds(wide, windows), np.arange(windows)
    worlds.reset({path: np.full(windows, value) for path, value in values.items()}, everyone)
    start, speed = rng.uniform(-0.5, 0.5, (windows, 2)), rng.uniform(-1, 1, (windows, 2))
    actions = rng.uniform(-0.4, 0.4, (windows, 1, 1)) * np.ones((1, ticks, 1))
    worlds.set_true_state(start, speed, everyone, action=actions[:, 0])
    travel = []
    for k in range(ticks):
        worlds.step(actions[:, k])
        travel.append(worlds.true_state()[0] - start)
    return LogWindows(start, speed, actions[:, 0], actions, np.stack(travel, 1))


def test_a_log_of_a_sticking_arm_tells_so() -> None:
    found = {}
    for static in (0.0, 2e-3):
        kept = posterior_worlds(
            with_friction_prior(SPEC),
            sticking(SPEC, static),
            np.random.default_rng(1),
            keep=8,
            rounds=4,
        )
        parameters = kept.parameters
        near = parameters[STATIC] * np.exp(
            -((0.1 / parameters["joints.arm.stribeck_velocity_rad_s"]) ** 2)
        )  # what is left of it at 0.1 rad/s
        found[static] = float(near.mean())
    assert found[0.0] < 0.5e-3 < 1.2e-3 < found[2e-3]
