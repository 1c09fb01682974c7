"""What a motor gives, against differential equations, in each engine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.support.engines import each_engine, start
from tests.support.robots import one_joint

J, K, R, FULL = 1e-4, 0.042, 8.4, 5.0  # the wheel of `one_joint` and its motor


@each_engine
@pytest.mark.parametrize("inductance", [1.16e-3, 0.05])
def test_inductance_delays_the_current(backend: str, inductance: float, tmp_path: Path) -> None:
    """L i' = V - R i - k w, J w' = k i; three worlds: nominal, twice the inductance, half the
    resistance."""
    control = {"rate_hz": 1000, "physics_rate_hz": 50_000}
    histories = {"action_history": 0, "observation_history": 0}
    spec = one_joint(tmp_path, edit={"control": control | histories})
    model = replace(spec.actuators[0].motor, inductance_h=inductance)
    spec = replace(spec, actuators=(replace(spec.actuators[0], motor=model),))
    scale = {
        "actuators__motor__inductance": np.array([1.0, 2.0, 1.0]),
        "actuators__motor__resistance": np.array([1.0, 1.0, 0.5]),
    }
    worlds, found = start(spec, backend, 3, **scale), []
    for _ in range(15):
        worlds.step(np.ones((3, 1)), 20)
        found.append(worlds.true_state()[1][:, 0])
    times = np.arange(1, 16) * 4e-4
    for world, (el, r) in enumerate([(1, R), (2, R), (1, R / 2)]):

        def rate(_: float, x: np.ndarray, h: float = el * inductance, r: float = r) -> Any:
            return [(FULL - r * x[0] - K * x[1]) / h, K * x[0] / J]

        exact = solve_ivp(rate, (0, 0.006), [0, 0], t_eval=times, rtol=1e-9, atol=1e-12).y[1]
        without = FULL / K * (1 - np.exp(-(K**2) / r / J * times))
        got = np.array(found)[:, world]
        assert np.abs(got - exact).max() < 0.2 * np.abs(without - exact).min()
