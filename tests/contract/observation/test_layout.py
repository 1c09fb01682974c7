"""What an observation is, and that `advance` tells the next one exactly."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from robot_mbrl.contract import ObservationLayout, Observer
from tests.support.layouts import layouts, seeds
from tests.support.robots import toy_layout, walk


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


def test_an_action_moves_only_as_far_as_its_step() -> None:
    layout = toy_layout(action_step=(0.1, math.inf))
    last = np.array([[0.2, 0.2], [0.2, 0.2], [0.2, 0.2]])
    action = np.array([[1.0, 1.0], [-1.0, -1.0], [0.25, 0.25]])
    got = layout.slew(last, action)
    np.testing.assert_allclose(got, [[0.3, 1.0], [0.1, -1.0], [0.25, 0.25]])
    torched = layout.slew(torch.as_tensor(last), torch.as_tensor(action), xp=torch)
    np.testing.assert_array_equal(torched.numpy(), got)
    assert toy_layout().slew(last, action) is action
