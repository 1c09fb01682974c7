"""For training: worlds that start with wrapping joints at any angle, moving."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import Parameters

ANYWHERE_SPEED = 0.15  # of a joint's velocity limit


def start_anywhere(
    drawn: Parameters, spec: RobotSpec, share: float, rng: np.random.Generator
) -> None:
    """Let each of n worlds start so with probability `share`, by changing its initial state in the
    parameters `drawn` (n,) each. Always takes the same draws from `rng`."""
    size = len(next(iter(drawn.values())))
    chosen = rng.uniform(size=size) < share
    for joint in spec.joints:
        if joint.wraps:
            fastest = ANYWHERE_SPEED * joint.velocity_limit_rad_s
            anywhere = {
                f"initial.{joint.name}.position_rad": rng.uniform(-np.pi, np.pi, size),
                f"initial.{joint.name}.velocity_rad_s": rng.uniform(-fastest, fastest, size),
            }
            drawn |= {path: np.where(chosen, x, drawn[path]) for path, x in anywhere.items()}
