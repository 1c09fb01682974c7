"""Recordings of a machine that coasts, and ensembles whose error on it is known."""

import numpy as np
import torch

from robot_mbrl.analysis.recordings import Recording
from robot_mbrl.contract import ObservationLayout, Observer
from robot_mbrl.data.segment import Segment
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from tests.support.robots import toy_layout

SPEED = 2.0  # rad/s


def layout() -> ObservationLayout:
    return toy_layout(joints=("slide", "hinge"), wraps=(False, True), alpha=(1.0, 1.0))


def coast(ticks: int, *, start: float = 0.0) -> Recording:
    """Constant speed: dq = v dt exactly; positions begin at `start`."""
    plant = layout()
    observer = Observer(plant)
    observer.reset(np.zeros(2))
    step, action = SPEED * plant.dt, np.zeros(2)
    path = [observer.update(np.full(2, start + k * step), action) for k in range(-9, ticks + 1)]
    return Recording((Segment(np.array(path[9:]), np.zeros((ticks, 2))),))


def biased(*bias: float, elites: list[int]) -> DynamicsEnsemble:
    """Member e predicts constant velocity plus bias[e] rad a tick, with a spread of 1e-3 rad."""
    model = DynamicsEnsemble(layout(), len(bias), 4, torch.Generator().manual_seed(0))
    model.elites = torch.tensor(elites)
    model.layers[2].weight.data.zero_()
    model.layers[2].bias.data[..., :2] = torch.tensor(bias)[:, None, None]
    model.layers[2].bias.data[..., 2:] = float(np.log(1e-3))
    return model
