"""Observations of pendulums at a given angle from upright."""

import math
from typing import Any

import numpy as np


def state(task: Any, **columns: float) -> np.ndarray:
    """One observation; `pendulum_from_up` sets sine and cosine of the pendulum, or pole."""
    obs = np.zeros(task.layout.size)
    angle = math.pi + columns.pop("pendulum_from_up")
    [name] = {"pendulum", "pole"} & set(task.layout.joints)
    columns |= {f"{name}.sin": math.sin(angle), f"{name}.cos": math.cos(angle)}
    for name, value in columns.items():
        obs[task.layout.column(name.replace("__", "."))] = value
    return obs
