"""Segments at constant speed, and ensembles that miss it by a known bias."""

import numpy as np
import torch

from robot_mbrl.contract import ObservationLayout, Observer
from robot_mbrl.data.segment import Segment
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from tests.support.robots import toy_layout


def layout(alpha: float) -> ObservationLayout:
    return toy_layout(joints=("slide", "hinge"), wraps=(False, True), alpha=(alpha, alpha))


def coasting(layout: ObservationLayout, rows: int, speed: float = 2.0) -> Segment:
    """So many observations at constant speed: the filter has settled, so dq = v dt exactly."""
    observer = Observer(layout)
    observer.reset(np.zeros(2))
    action = np.zeros(2)
    path = [observer.update(np.full(2, k * speed * layout.dt), action) for k in range(1, rows + 80)]
    return Segment(np.array(path[79:]), np.zeros((rows - 1, 2)))


def biased(layout: ObservationLayout, bias: list[float], members: int = 3) -> DynamicsEnsemble:
    """Every member predicts constant velocity plus a bias in rad per tick."""
    model = DynamicsEnsemble(layout, members, 4, torch.Generator())
    model.layers[2].weight.data.zero_()
    model.layers[2].bias.data[..., :2] = torch.tensor(bias)
    return model
