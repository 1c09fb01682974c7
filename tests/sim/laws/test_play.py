"""Backlash and the encoder's zero."""

from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from sim.laws.play import Play
from sim.worlds import make_worlds
from tests.support.engines import each_engine, parameters
from tests.support.robots import one_joint


def test_play_swallows_a_reversal() -> None:
    spec = load_robot("furuta")
    play = Play(spec, 2)
    given = parameters(spec, 2, joints__arm__backlash_rad=np.array([20.0, 0.0]))
    play.set_parameters(given, np.arange(2))
    play.start(np.zeros((2, 2)), np.arange(2))
    path = np.array([5.0, 10, 50, 100, 90, 80, 79, 60])
    seen = play.follow(np.broadcast_to(path[None, :, None], (2, 8, 2)))
    np.testing.assert_array_equal(seen[0, :, 0], [0, 0, 40, 90, 90, 90, 89, 70])
    np.testing.assert_array_equal(seen[1, :, 0], path)
    np.testing.assert_array_equal(seen[:, :, 1], [path, path])


@each_engine
def test_play_and_zero_are_in_what_the_encoder_shows(backend: str, tmp_path: Path) -> None:
    """At constant speed the encoder is half the play behind; its zero shifts all it shows."""
    effects = {"backlash_rad": 0.0, "encoder_offset_rad": 0.0}
    spec = one_joint(
        tmp_path, command="torque", edit={"effects": {"joints": {"pendulum": effects}}}
    )
    given = {
        "joints__pendulum__backlash_rad": np.array([0.0, 0.01, 0.0]),
        "joints__pendulum__encoder_offset_rad": np.array([0.0, 0.0, 0.3]),
        "initial__pendulum__velocity_rad_s": 1.0,
    }
    worlds = make_worlds(spec, 3, backend=backend, threads=1)
    worlds.reset(parameters(spec, 3, **given), np.arange(3))
    rng = np.random.default_rng(0)
    assert worlds.measure(rng)[:, 0] == pytest.approx([0.0, 0.0, -0.3], abs=1e-8)
    worlds.step(np.zeros((3, 1)))
    assert worlds.measure(rng)[:, 0] == pytest.approx([0.02, 0.015, -0.28], abs=1e-8)
    q, v = worlds.true_state()
    worlds.set_true_state(q, -v, np.arange(3))  # set down anew: in the middle of the play
    worlds.step(np.zeros((3, 1)))
    assert worlds.measure(rng)[:, 0] == pytest.approx([0.0, 0.005, -0.3], abs=1e-8)
