"""How the error of open-loop prediction grows, per column and member."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.observation.protocol import joint_units
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.open_loop import (
    coast,
    increments_error,
    member_increments,
    predict_increments,
)


@dataclass(frozen=True)
class ErrorGrowth:
    """Root mean square errors after 1..K ticks, per column (K, C) or member and column (E, K, C).

    Attributes:
        columns: the joints' positions in rad, then their velocities in rad/s, of sliders in m and
            m/s; C = 2 J.
        members: each member alone, (E, K, C), elite or not.
        elites: which members are used.
        mean: the elites' mean as one trajectory, (K, C).
        constant_velocity: the prediction that everybody has without a model, (K, C).
        starts: number of start states.
    """

    columns: tuple[str, ...]
    members: FloatArray
    elites: tuple[int, ...]
    mean: FloatArray
    constant_velocity: FloatArray
    starts: int


def measure_growth(model: DynamicsEnsemble, windows: Windows) -> ErrorGrowth:
    """Predict every window under the actions really applied."""
    layout = model.layout
    joints = list(zip(layout.joints, joint_units(layout), strict=True))

    def error(dq: FloatArray) -> FloatArray:
        e = increments_error(layout, windows, dq)
        return np.concatenate([e.rms_rad, e.rms_rad_s], -1)

    return ErrorGrowth(
        columns=(
            *(f"{j} position ({unit})" for j, unit in joints),
            *(f"{j} velocity ({unit}/s)" for j, unit in joints),
        ),
        members=np.stack([error(dq) for dq in member_increments(model, windows)]),
        elites=tuple(int(e) for e in model.elites),
        mean=error(predict_increments(model, windows)),
        constant_velocity=error(coast(layout, windows)),
        starts=len(windows),
    )
