"""Open-loop prediction by the simulator: many windows of a log, each in a world of its own."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters, check_shape
from robot_mbrl.contract.errors import SimulationError
from sim.worlds import Worlds, make_worlds

MOST_WORLDS = {"mujoco": 4096, "pybullet": 64}
"""At once; PyBullet's take 4 MB each."""


def simulate_increments(
    spec: RobotSpec,
    q_rad: FloatArray,
    qd_rad_s: FloatArray,
    before: FloatArray,
    actions: FloatArray,
    parameters: dict[str, float] | None = None,
    *,
    backend: str = "mujoco",
) -> FloatArray:
    """Simulate K ticks from W measured states; returns position increments dq (W, K, J) in rad.

    Args:
        spec: the robot; nominal but for `parameters`.
        q_rad: positions at the start, (W, J).
        qd_rad_s: velocities at the start, (W, J).
        before: actions of the tick before, (W, A) in [-1, 1]; with latency they act longer.
        actions: (W, K, A) in [-1, 1].
        parameters: by path, see contract.parameters.
        backend: the engine, see `sim.worlds.make_worlds`.

    Positions are the simulator's true ones: measuring would add latency and noise that a prediction
    should not have. Raises ShapeError when windows disagree in number, SimulationError where the
    physics blows up, SettingsError for a backend that is unknown or not installed.
    """
    count = len(actions)
    check_shape("q_rad", q_rad, (count, len(spec.joints)))
    check_shape("qd_rad_s", qd_rad_s, (count, len(spec.joints)))
    check_shape("before", before, (count, len(spec.actuators)))
    size = min(count, MOST_WORLDS.get(backend, count))
    worlds = make_worlds(spec, size, backend=backend)
    values, found = spec.nominal | (parameters or {}), []
    drawn: Parameters = {path: np.full(size, value) for path, value in values.items()}
    try:
        for first in range(0, count, size):
            # the last ones once more, where they do not fill all worlds
            ids = np.minimum(np.arange(first, first + size), count - 1)
            worlds.reset(drawn, np.arange(size))
            worlds.set_true_state(q_rad[ids], qd_rad_s[ids], np.arange(size), before[ids])
            found.append(_drive(worlds, actions[ids])[: count - first])
    finally:
        worlds.close()
    return np.concatenate(found)


def _drive(worlds: Worlds, actions: FloatArray) -> FloatArray:
    """Increments (B, K, J) of all worlds under actions (B, K, A); raises SimulationError."""
    path = [worlds.true_state()[0]]
    for k in range(actions.shape[1]):
        worlds.step(actions[:, k])
        path.append(worlds.true_state()[0])
    if unstable := int(worlds.unstable().sum()):
        raise SimulationError(
            f"robot {worlds.spec.name!r}: the physics of {unstable} of {len(actions)} windows blew "
            "up; make physics_rate_hz higher, or look for extreme inertias, gains or parameters"
        )
    return np.diff(np.stack(path, 1), axis=1)
