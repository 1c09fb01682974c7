"""What an observation is, and that `advance` tells the next one exactly."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_mbrl.contract import ActionCodec, ObservationLayout, Observer, RobotSpec
from tests.support.robots import toy_layout, walk


@st.composite
def layouts(draw: st.DrawFn) -> ObservationLayout:
    joints = draw(st.integers(1, 3))
    return ObservationLayout(
        joints=tuple(f"j{k}" for k in range(joints)),
        wraps=tuple(draw(st.lists(st.booleans(), min_size=joints, max_size=joints))),
        actuators=tuple(f"a{k}" for k in range(draw(st.integers(1, 2)))),
        dt=draw(st.sampled_from([0.002, 0.02, 0.1])),
        alpha=tuple(draw(st.lists(st.floats(0.05, 1.0), min_size=joints, max_size=joints))),
        action_history=draw(st.integers(0, 3)),
        observation_history=draw(st.integers(0, 3)),
        goal=tuple(f"goal.g{k}" for k in range(draw(st.integers(0, 2)))),
    )


seeds = st.integers(0, 2**32 - 1)


def test_columns_of_the_documented_example() -> None:
    layout = toy_layout(joints=("p",), wraps=(True,), actuators=("m",), alpha=(0.5,))
    assert layout.columns == (
        "p.sin", "p.cos", "p.velocity", "m.action[-1]", "p.sin[-1]", "p.cos[-1]", "p.velocity[-1]",
    )  # fmt: skip


def test_newest_comes_first_in_both_histories() -> None:
    layout = toy_layout(
        joints=("p",), wraps=(False,), actuators=("m", "n"), alpha=(1.0,), dt=0.5,
        action_history=2, observation_history=2,
    )  # fmt: skip
    observer = Observer(layout)
    observer.reset(np.array([1.0]))
    observer.update(np.array([2.0]), np.array([0.1, 0.2]))
    obs = observer.update(np.array([5.0]), np.array([0.3, 0.4]))
    assert dict(zip(layout.columns, obs.tolist(), strict=True)) == pytest.approx(
        {
            "p.position": 5.0,
            "p.velocity": 6.0,
            "m.action[-1]": 0.3,
            "n.action[-1]": 0.4,
            "m.action[-2]": 0.1,
            "n.action[-2]": 0.2,
            "p.position[-1]": 2.0,
            "p.velocity[-1]": 2.0,
            "p.position[-2]": 1.0,
            "p.velocity[-2]": 0.0,
        }
    )


@given(layout=layouts())
def test_sizes_and_names_agree(layout: ObservationLayout) -> None:
    assert layout.size == len(layout.columns) == len(set(layout.columns))
    assert Observer(layout).reset(np.zeros(len(layout.joints))).shape == (layout.size,)
    for index, name in enumerate(layout.columns):
        assert layout.column(name) == index


def test_unknown_column_lists_the_columns() -> None:
    with pytest.raises(KeyError, match=r"arm\.position"):
        toy_layout().column("elbow")


@settings(max_examples=60, deadline=None)
@given(layout=layouts(), seed=seeds)
def test_advance_is_the_observer(layout: ObservationLayout, seed: int) -> None:
    rng = np.random.default_rng(seed)
    observer, path = Observer(layout), walk(layout, rng, 7)
    obs = observer.reset(path[0])
    for before, after in itertools.pairwise(path):
        action = rng.uniform(-1, 1, layout.action_size)
        predicted = layout.advance(obs, after - before, action)
        obs = observer.update(after, action)
        np.testing.assert_allclose(predicted, obs, atol=1e-11, rtol=1e-11)


@settings(max_examples=60, deadline=None)
@given(layout=layouts(), seed=seeds)
def test_increments_inverts_advance(layout: ObservationLayout, seed: int) -> None:
    rng = np.random.default_rng(seed)
    obs = Observer(layout, (5,)).reset(rng.uniform(-9, 9, (5, len(layout.joints))))
    dq = rng.uniform(-3.1, 3.1, (5, len(layout.joints)))
    after = layout.advance(obs, dq, rng.uniform(-1, 1, (5, layout.action_size)))
    np.testing.assert_allclose(layout.increments(obs, after), dq, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(layout=layouts(), seed=seeds)
def test_numpy_and_torch_advance_alike(layout: ObservationLayout, seed: int) -> None:
    rng = np.random.default_rng(seed)
    obs = rng.standard_normal((4, layout.size))
    dq = rng.standard_normal((4, len(layout.joints)))
    action = rng.standard_normal((4, layout.action_size))
    tensors = (torch.as_tensor(x) for x in (obs, dq, action))
    got = layout.advance(*tensors, xp=torch).numpy()
    np.testing.assert_allclose(got, layout.advance(obs, dq, action), rtol=1e-12, atol=1e-13)


@settings(max_examples=20, deadline=None)
@given(layout=layouts(), seed=seeds)
def test_columns_may_lie_along_the_last_axis_but_one(layout: ObservationLayout, seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = (layout.size, len(layout.joints), layout.action_size)
    rows = [rng.standard_normal((2, 4, width)) for width in widths]
    turned = [torch.as_tensor(x).transpose(1, 2) for x in rows]
    got = layout.advance(*turned, xp=torch, axis=-2).transpose(1, 2)
    np.testing.assert_array_equal(
        got.numpy(), layout.advance(*map(torch.as_tensor, rows), xp=torch)
    )
    velocities = layout.velocities(turned[0], axis=-2).transpose(1, 2)
    np.testing.assert_array_equal(velocities.numpy(), layout.velocities(rows[0]))


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


def test_codec_goes_both_ways(furuta: RobotSpec) -> None:
    codec = ActionCodec(np.array([5.0, 0.25]))
    np.testing.assert_array_equal(codec.to_physical(np.array([[-1.0, 0.5]])), [[-5.0, 0.125]])
    np.testing.assert_array_equal(codec.to_action(np.array([2.5, -0.25])), [0.5, -1.0])
    assert ActionCodec.from_spec(furuta).limit.tolist() == [5.0]


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


def test_an_action_moves_only_as_far_as_its_step() -> None:
    layout = toy_layout(action_step=(0.1, math.inf))
    last = np.array([[0.2, 0.2], [0.2, 0.2], [0.2, 0.2]])
    action = np.array([[1.0, 1.0], [-1.0, -1.0], [0.25, 0.25]])
    got = layout.slew(last, action)
    np.testing.assert_allclose(got, [[0.3, 1.0], [0.1, -1.0], [0.25, 0.25]])
    torched = layout.slew(torch.as_tensor(last), torch.as_tensor(action), xp=torch)
    np.testing.assert_array_equal(torched.numpy(), got)
    assert toy_layout().slew(last, action) is action
