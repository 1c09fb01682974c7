"""Observations follow from measured positions, in one world as in many."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec
from tests.support.layouts import layouts, seeds
from tests.support.robots import toy_layout, walk


@settings(max_examples=30, deadline=None)
@given(layout=layouts(), seed=seeds)
def test_many_worlds_are_so_many_single_ones(layout: ObservationLayout, seed: int) -> None:
    rng = np.random.default_rng(seed)
    paths = np.stack([walk(layout, rng, 5) for _ in range(3)], 1)
    actions = rng.uniform(-1, 1, (5, 3, layout.action_size))
    many, single = Observer(layout, (3,)), [Observer(layout) for _ in range(3)]
    together = [many.reset(paths[0])]
    together += [many.update(q, a) for q, a in zip(paths[1:], actions[1:], strict=True)]
    for world, observer in enumerate(single):
        alone = [observer.reset(paths[0, world])]
        for q, a in zip(paths[1:, world], actions[1:, world], strict=True):
            alone.append(observer.update(q, a))
        np.testing.assert_array_equal(np.array(together)[:, world], np.array(alone))


def test_resetting_some_worlds_leaves_the_others_alone() -> None:
    layout = toy_layout()
    observer, rng = Observer(layout, (4,)), np.random.default_rng(0)
    observer.reset(rng.standard_normal((4, 3)))
    before = observer.update(rng.standard_normal((4, 3)), rng.standard_normal((4, 2)))
    after = observer.reset(np.full((2, 3), 7.0), np.array([1, 3]))
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    np.testing.assert_allclose(after[1], Observer(layout).reset(np.full(3, 7.0)))
    np.testing.assert_allclose(observer.q[[1, 3]], 7.0)


def test_missing_sample_goes_on_at_constant_velocity() -> None:
    layout = toy_layout(joints=("p",), wraps=(False,), alpha=(1.0,), dt=0.1, actuators=("m",))
    observer = Observer(layout)
    observer.reset(np.array([0.0]))
    observer.update(np.array([0.3]), np.zeros(1))
    obs = observer.update(None, np.zeros(1))
    assert obs[layout.column("p.position")] == pytest.approx(0.6)
    assert layout.velocities(obs) == pytest.approx([3.0])


def test_velocity_filter_is_a_first_order_low_pass(furuta: RobotSpec) -> None:
    """A steady speed is approached as 1 - (1 - alpha)^n with alpha = 1 - exp(-2 pi f dt)."""
    layout = toy_layout(joints=("p",), wraps=(True,), alpha=(0.3,), actuators=("m",))
    observer, speed = Observer(layout), 4.0
    observer.reset(np.zeros(1))
    for n in range(1, 9):
        obs = observer.update(np.array([n * speed * layout.dt]), np.zeros(1))
        assert layout.velocities(obs)[0] == pytest.approx(speed * (1 - 0.7**n))
    f = furuta.joints[0].velocity_filter_hz
    assert ObservationLayout.from_spec(furuta).alpha[0] == 1 - math.exp(-2 * math.pi * f / 50)


def test_returned_observations_are_copies() -> None:
    observer = Observer(toy_layout())
    first = observer.reset(np.zeros(3))
    kept = first.copy()
    first[:] = 99.0
    second = observer.update(np.zeros(3), np.zeros(2))
    np.testing.assert_array_equal(
        second[-len(toy_layout().block) :], kept[: len(toy_layout().block)]
    )


def test_a_goal_ends_every_observation_until_the_next_one() -> None:
    layout = toy_layout(goal=("goal.x", "goal.y"))
    assert layout.columns[-2:] == ("goal.x", "goal.y")
    observer = Observer(layout, (3,), goal=np.array([0.5, 0.6]))
    obs = observer.reset(np.zeros((3, 3)))
    np.testing.assert_array_equal(obs[:, -2:], [[0.5, 0.6]] * 3)
    observer.reset(np.zeros((1, 3)), np.array([1]), np.array([[7.0, 8.0]]))
    obs = observer.update(np.ones((3, 3)), np.zeros((3, 2)))
    np.testing.assert_array_equal(obs[:, -2:], [[0.5, 0.6], [7.0, 8.0], [0.5, 0.6]])
    later = layout.advance(obs, np.ones((3, 3)), np.zeros((3, 2)))
    np.testing.assert_array_equal(later[:, -2:], obs[:, -2:])


def test_a_position_servo_starts_with_the_command_that_holds_it() -> None:
    """Joint "wrist" at 0.5 rad, 2 rad a unit; the fan is no servo."""
    layout = toy_layout(action_history=2, holds=((2, 0.5), None))
    obs = Observer(layout).reset(np.array([0.1, 0.2, 0.5]))
    for back in (1, 2):
        assert obs[layout.column(f"motor.action[-{back}]")] == 0.25
        assert obs[layout.column(f"fan.action[-{back}]")] == 0.0
    assert layout.hold(np.array([0.0, 0.0, -9.0])).tolist() == [-1.0, 0.0]


def steady(elapsed_s: list[float | None], positions: list[float | None]) -> list[float]:
    """Velocities of one joint without a filter, period 0.1 s, from position 0 at rest."""
    layout = toy_layout(joints=("p",), wraps=(False,), alpha=(1.0,), dt=0.1, actuators=("m",))
    observer, seen = Observer(layout), []
    observer.reset(np.zeros(1))
    for elapsed, q in zip(elapsed_s, positions, strict=True):
        measured = None if q is None else np.array([q])
        obs = observer.update(measured, np.zeros(1), elapsed_s=elapsed)
        seen.append(float(layout.velocities(obs)[0]))
    return seen


def test_velocity_is_over_the_time_that_passed() -> None:
    """5 rad/s are 5 rad/s, however many periods lie between two samples."""
    times = np.cumsum([0.1, 0.3, 0.14, 0.06, 0.2])
    seen = steady([0.1, 0.3, 0.14, 0.06, 0.2], (5.0 * times).tolist())
    assert seen == pytest.approx([5.0] * 5)


def test_a_regular_tick_is_a_period_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    positions = np.cumsum(rng.standard_normal(20)).tolist()
    jitter = (0.1 + rng.uniform(-0.009, 0.009, 20)).tolist()
    assert steady(jitter, positions) == steady([None] * 20, positions)


def test_samples_that_are_too_close_are_no_measure_of_velocity() -> None:
    assert steady([0.1, 0.0], [0.0, 0.01]) == pytest.approx([0.0, 0.01 / 0.05])


def test_after_missing_samples_velocity_is_the_mean_since_the_last_one() -> None:
    """A machine that sets out while nobody looks was not three times as fast in the last tick."""
    assert steady([None] * 3, [None, None, 1.5]) == pytest.approx([0.0, 0.0, 5.0])
    assert steady([0.1, 0.1, 0.2], [None, None, 2.0]) == pytest.approx([0.0, 0.0, 5.0])
    fast = steady([None] * 6, [0.5, 1.0, None, None, 1.6, 1.8])
    assert fast == pytest.approx([5.0, 5.0, 5.0, 5.0, 2.0, 2.0])


def test_the_filter_forgets_by_time_and_not_by_ticks() -> None:
    layout = toy_layout(joints=("p",), wraps=(False,), alpha=(0.3,), dt=0.1, actuators=("m",))
    often, seldom = Observer(layout), Observer(layout)
    often.reset(np.zeros(1))
    seldom.reset(np.zeros(1))
    for n in range(1, 4):
        every = often.update(np.array([0.5 * n]), np.zeros(1))
    once = seldom.update(np.array([1.5]), np.zeros(1), elapsed_s=0.3)
    assert layout.velocities(once) == pytest.approx(layout.velocities(every))


def test_worlds_that_miss_samples_are_as_many_single_ones_that_do() -> None:
    layout = toy_layout(joints=("p",), wraps=(True,), alpha=(0.6,), dt=0.1, actuators=("m",))
    many, singles = Observer(layout, (2,)), [Observer(layout), Observer(layout)]
    rng = np.random.default_rng(0)
    many.reset(np.zeros((2, 1)))
    for single in singles:
        single.reset(np.zeros(1))
    for _ in range(30):
        q, fresh = rng.standard_normal((2, 1)), rng.uniform(size=2) < 0.6
        together = many.update(q, np.zeros((2, 1)), fresh)
        for w, single in enumerate(singles):
            alone = single.update(q[w] if fresh[w] else None, np.zeros(1))
            np.testing.assert_array_equal(together[w], alone)


def test_states_of_before_are_those_of_worlds_that_miss_nothing() -> None:
    observer = Observer(toy_layout())
    observer.reset(np.zeros(3))
    state = observer.get_state()
    del state["unseen_s"]
    observer.update(None, np.zeros(2))
    observer.set_state(state)
    again = Observer(toy_layout())
    again.reset(np.zeros(3))
    q = np.full(3, 0.2)
    np.testing.assert_array_equal(observer.update(q, np.zeros(2)), again.update(q, np.zeros(2)))
