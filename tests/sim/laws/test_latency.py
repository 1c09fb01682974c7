"""Latencies: what MuJoCo's own delays do, and right where those are not."""

import mujoco
import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec
from sim import mujoco_model
from sim.laws.latency import Latency, max_latency_s
from sim.mujoco_engine.model import mujoco_spec
from tests.support.engines import parameters

LINEAR = 1  # mjtInterp of a history buffer
TICKS = 60


def delayed_model(spec: RobotSpec, command_ms: float, sensor_ms: float) -> mujoco.MjModel:
    """The robot with MuJoCo's own delays on its motor and on sensors of its joints."""
    mjs = mujoco_spec(spec)
    motor = mjs.actuators[0]
    motor.delay, motor.nsample = command_ms / 1000, 10
    for joint in spec.joints:
        sensor = mjs.add_sensor(type=mujoco.mjtSensor.mjSENS_JOINTPOS, objname=joint.name)
        sensor.objtype = mujoco.mjtObj.mjOBJ_JOINT
        sensor.delay, sensor.nsample, sensor.interp = sensor_ms / 1000, 10, LINEAR
    return mjs.compile()


@pytest.mark.parametrize(
    ("command_ms", "sensor_ms"), [(0.0, 0.0), (12.0, 8.0), (13.5, 9.3), (30.0, 4.1), (2.0, 0.0)]
)
def test_latencies_are_those_of_mujocos_own_delays(
    command_ms: float, sensor_ms: float, furuta: RobotSpec
) -> None:
    """The same motion bit for bit, and the same delayed angles, under random voltages."""
    theirs, ours = delayed_model(furuta, command_ms, sensor_ms), mujoco_model(furuta)
    there, here = mujoco.MjData(theirs), mujoco.MjData(ours)
    latency, steps, world = Latency(furuta, 1), furuta.control.substeps, np.array([0])
    given = {"actuators.motor.latency_ms": command_ms, "sensors.latency_ms": sensor_ms}
    latency.set_parameters(parameters(furuta, 1, **given), world)
    for voltage in np.random.default_rng(3).uniform(-5, 5, TICKS):
        there.ctrl[:] = voltage
        path = []
        for late in latency.late_commands(np.array([[voltage]]), steps)[0]:
            mujoco.mj_step(theirs, there)
            here.ctrl[:] = late
            mujoco.mj_step(ours, here)
            path.append(here.qpos.copy())
        latency.move(np.array([path]))
        mujoco.mj_forward(theirs, there)
        np.testing.assert_array_equal(there.qpos, here.qpos)
        np.testing.assert_allclose(latency.late_angles()[0], there.sensordata, atol=1e-9)
    assert np.abs(here.qpos).max() > 0.5


def test_latencies_may_be_as_long_as_the_longest_and_as_short_as_nothing(furuta: RobotSpec) -> None:
    """An angle that grows by 1 a step, read s steps late, is 1 - s / 4 ms; a command of step n acts
    in step n + ceil(s / 4 ms)."""
    longest_ms = 1000 * max_latency_s(furuta)
    late_ms = np.array([0.0, 0.4, 4.0, 17.0, longest_ms])
    latency, count = Latency(furuta, 5), 20
    paths = ("actuators.motor.latency_ms", "sensors.latency_ms")
    latency.set_parameters(parameters(furuta, 5, **dict.fromkeys(paths, late_ms)), np.arange(5))
    out = latency.late_commands(np.ones((5, 1)), count)[..., 0]
    for world, lag in enumerate(np.ceil(late_ms / 4).astype(int)):
        np.testing.assert_array_equal(out[world], np.arange(count) >= lag)
    angles = np.broadcast_to(np.arange(1.0, count + 1)[None, :, None], (5, count, 2))
    latency.move(angles)
    expected = np.repeat(count - late_ms[:, None] / 4, 2, 1)
    np.testing.assert_allclose(latency.late_angles(), expected, atol=1e-9)
