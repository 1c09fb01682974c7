"""A linear machine with known increments, noise, and the transitions it makes."""

import numpy as np
import torch

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from tests.support.robots import toy_layout

NOISE = np.array([2e-3, 1e-2])  # standard deviation of the increments, rad


def layout() -> ObservationLayout:
    return toy_layout(
        joints=("slide", "hinge"), wraps=(False, True), alpha=(0.8, 0.6), actuators=("m", "n", "o")
    )


def drift(obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Increments beyond constant velocity, (T, 2)."""
    push = action @ np.array([[0.03, 0.0], [0.0, 0.05], [0.01, -0.02]])
    return push - 0.002 * layout().velocities(obs)


def transitions(
    rows: int, seed: int, *, noise: np.ndarray = NOISE, spread: float = 1.0
) -> Transitions:
    rng, plant = np.random.default_rng(seed), layout()
    obs = rng.standard_normal((rows, plant.size)) * spread
    angle = rng.uniform(-np.pi, np.pi, rows)
    sin, cos = plant.column("hinge.sin"), plant.column("hinge.cos")
    obs[:, sin], obs[:, cos] = np.sin(angle), np.cos(angle)
    action = rng.uniform(-1, 1, (rows, 3)) * spread
    dq = plant.velocities(obs) * plant.dt + drift(obs, action)
    next_obs = plant.advance(obs, dq + noise * rng.standard_normal(dq.shape), action)
    columns = (x.astype(np.float32) for x in (obs, action, next_obs, np.zeros(rows)))
    return Transitions(*columns, np.zeros(rows, bool))


def ensemble(
    members: int = 3, hidden: int = 24, seed: int = 0, *, dry_friction: bool = False
) -> DynamicsEnsemble:
    rng = torch.Generator().manual_seed(seed)
    return DynamicsEnsemble(layout(), members, hidden, rng, dry_friction=dry_friction)
