"""Motion without a policy: consistent, varied, and with pushes that are in no command."""

import numpy as np
import pytest

import calibration.excitation as excitation
from calibration.excitation import Excitation, explore
from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.data.segment import Segment

SPEC = load_robot("simple_pendulum")
LAYOUT = ObservationLayout.from_spec(SPEC)
WORLDS, TICKS = 12, 40


@pytest.fixture(scope="module")
def segments() -> list[Segment]:
    return explore(SPEC, WORLDS, TICKS, seed=4)


def test_a_segment_a_world_whose_observations_follow_from_each_other(segments) -> None:
    assert len(segments) == WORLDS
    for s in segments:
        assert s.obs.shape == (TICKS + 1, LAYOUT.size)
        assert s.action.shape == (TICKS, 1)
        dq = LAYOUT.increments(s.obs[:-1].astype(float), s.obs[1:].astype(float))
        again = LAYOUT.advance(s.obs[:-1].astype(float), dq, s.action)
        np.testing.assert_allclose(again, s.obs[1:], atol=2e-5)


def test_actions_stay_in_range_and_some_are_held(segments) -> None:
    actions = np.stack([s.action[:, 0] for s in segments])
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


def test_pushes_move_the_robot_and_are_in_no_action(monkeypatch, segments) -> None:
    monkeypatch.setattr(excitation, "PUSHED_WORLDS", 0.0)
    calm = explore(SPEC, WORLDS, TICKS, seed=4)
    moved = [not np.allclose(a.obs, b.obs) for a, b in zip(calm, segments, strict=True)]
    assert 0 < sum(moved) < WORLDS


def test_given_parameters_are_used() -> None:
    """Worlds hundred times more damped move less."""
    still = {"joints.pendulum.damping": np.array([100.0])}
    speeds = [
        np.mean([np.abs(s.obs[20:, LAYOUT.column("pendulum.velocity")]).mean() for s in run])
        for run in (explore(SPEC, 20, TICKS, 0), explore(SPEC, 20, TICKS, 0, still))
    ]
    assert speeds[1] < 0.3 * speeds[0]
