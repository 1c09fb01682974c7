"""Observations of pendulums at a given angle from upright."""

import math
from typing import Any

import numpy as np


def state(task: Any, **columns: float) -> np.ndarray:
    """One observation; `pendulum_from_up` sets sine and cosine."""
    obs = np.zeros(task.layout.size)
    angle = math.pi + columns.pop("pendulum_from_up")
    columns |= {"pendulum.sin": math.sin(angle), "pendulum.cos": math.cos(angle)}
    for name, value in columns.items():
        obs[task.layout.column(name.replace("__", "."))] = value
    return obs
