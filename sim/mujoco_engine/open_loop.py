"""Open-loop prediction by the simulator: many windows of a log, each in a world of its own."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters, check_shape
from robot_mbrl.contract.errors import SimulationError
from sim.mujoco_engine.worlds import MujocoWorlds


def simulate_increments(
    spec: RobotSpec,
    q_rad: FloatArray,
    qd_rad_s: FloatArray,
    before: FloatArray,
    actions: FloatArray,
    parameters: dict[str, float] | None = None,
) -> FloatArray:
    """Simulate K ticks from W measured states; returns position increments dq (W, K, J) in rad.

    Args:
        spec: the robot; nominal but for `parameters`.
        q_rad: positions at the start, (W, J).
        qd_rad_s: velocities at the start, (W, J).
        before: actions of the tick before, (W, A) in [-1, 1]; with latency they act longer.
        actions: (W, K, A) in [-1, 1].
        parameters: by path, see contract.parameters.

    Positions are the simulator's true ones: measuring would add latency and noise that a prediction
    should not have. Raises ShapeError when windows disagree in number, SimulationError where the
    physics blows up.
    """
    count, ticks = actions.shape[:2]
    check_shape("q_rad", q_rad, (count, len(spec.joints)))
    check_shape("qd_rad_s", qd_rad_s, (count, len(spec.joints)))
    check_shape("before", before, (count, len(spec.actuators)))
    worlds, everyone = MujocoWorlds(spec, count), np.arange(count)
    values = spec.nominal | (parameters or {})
    drawn: Parameters = {path: np.full(count, value) for path, value in values.items()}
    worlds.reset(drawn, everyone)
    worlds.set_true_state(q_rad, qd_rad_s, everyone, action=before)
    path = [q_rad]
    for k in range(ticks):
        worlds.step(actions[:, k])
        path.append(worlds.true_state()[0])
    unstable = int(worlds.unstable().sum())
    worlds.close()
    if unstable:
        raise SimulationError(
            f"robot {spec.name!r}: the physics of {unstable} of {count} windows blew up; make "
            "physics_rate_hz higher, or look for extreme inertias, gains or parameters"
        )
    return np.diff(np.stack(path, 1), axis=1)
