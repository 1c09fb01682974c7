"""Gravity that leans, in each engine: where a pendulum comes to hang."""

import math
from pathlib import Path

import numpy as np

from tests.support.engines import each_engine, start
from tests.support.robots import furuta_with


@each_engine
def test_a_leaning_base_moves_where_things_hang(backend: str, tmp_path: Path) -> None:
    """The pendulum turns about x: leaning towards y by t it hangs at t, towards x at 0."""
    spec = furuta_with(tmp_path, {"gravity": {"tilt_rad": 0.0}}, rate_hz=250)
    tilt, direction = np.array([0.0, 0.4, 0.4, 0.4]), np.array([0.0, 1.0, 0.0, -1.0]) * math.pi / 2
    given = {
        "gravity__tilt_rad": tilt,
        "gravity__direction_rad": direction,
        "joints__pendulum__damping": 20.0,
        "joints__pendulum__friction": 0.01,
        "joints__arm__friction": 100.0,
    }
    worlds = start(spec, backend, 4, **given)
    for _ in range(100):
        worlds.step(np.zeros((4, 1)))
    expected = [0.0, 0.4, 0.0, -0.4]
    np.testing.assert_allclose(worlds.true_state()[0][:, 1], expected, atol=0.01)
