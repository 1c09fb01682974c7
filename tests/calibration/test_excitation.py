"""Motion without a policy: consistent, varied, and with pushes that are in no command."""

import numpy as np
import pytest

import calibration.excitation as excitation
from calibration.excitation import Excitation, explore, transitions_of
from robot_mbrl.contract import ObservationLayout, load_robot

SPEC = load_robot("simple_pendulum")
LAYOUT = ObservationLayout.from_spec(SPEC)
WORLDS, TICKS = 12, 40


@pytest.fixture(scope="module")
def pieces() -> list[tuple[np.ndarray, np.ndarray]]:
    return explore(SPEC, WORLDS, TICKS, seed=4)


def test_a_piece_a_world_whose_observations_follow_from_each_other(pieces) -> None:
    assert len(pieces) == WORLDS
    for obs, action in pieces:
        assert obs.shape == (TICKS + 1, LAYOUT.size)
        assert action.shape == (TICKS + 1, 1)
        dq = LAYOUT.increments(obs[:-1].astype(float), obs[1:].astype(float))
        again = LAYOUT.advance(obs[:-1].astype(float), dq, action[:-1])
        np.testing.assert_allclose(again, obs[1:], atol=2e-5)


def test_actions_stay_in_range_and_some_are_held(pieces) -> None:
    actions = np.stack([a[:-1, 0] for _, a in pieces])
    assert np.abs(actions).max() <= 1
    assert (np.diff(actions, axis=1) == 0).mean() > 0.1


def test_pumping_goes_with_or_against_the_motion() -> None:
    source = Excitation(2000, 1, np.random.default_rng(0))
    speed = np.tile([[3.0], [-3.0]], (1000, 1))
    for _ in range(60):
        action = source.next(speed)
    with_motion = np.sign(action) == np.sign(speed)
    pumped = source._pump > 0
    assert with_motion[pumped].mean() > 0.8
    assert with_motion[source._pump < 0].mean() < 0.2


def test_pushes_move_the_robot_and_are_in_no_action(monkeypatch, pieces) -> None:
    monkeypatch.setattr(excitation, "PUSHED_WORLDS", 0.0)
    calm = explore(SPEC, WORLDS, TICKS, seed=4)
    moved = [not np.allclose(a[0], b[0]) for a, b in zip(calm, pieces, strict=True)]
    assert 0 < sum(moved) < WORLDS


def test_given_parameters_are_used() -> None:
    """Worlds hundred times more damped move less."""
    still = {"joints.pendulum.damping": np.array([100.0])}
    speeds = [
        np.mean([np.abs(o[20:, LAYOUT.column("pendulum.velocity")]).mean() for o, _ in run])
        for run in (explore(SPEC, 20, TICKS, 0), explore(SPEC, 20, TICKS, 0, still))
    ]
    assert speeds[1] < 0.3 * speeds[0]


def test_transitions_join_no_worlds(pieces) -> None:
    t = transitions_of(pieces)
    assert len(t) == WORLDS * TICKS
    np.testing.assert_array_equal(t.obs[TICKS], pieces[1][0][0])
    np.testing.assert_array_equal(t.next_obs[TICKS - 1], pieces[0][0][-1])
