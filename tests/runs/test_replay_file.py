"""Transitions on disk: the same rows come back, and what is not needed is not there."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.buffer_segments import stride_of
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.learning.pretrain import PretrainConfig
from robot_mbrl.runs.replay_file import Subsample, as_recorded, megabytes, pack, unpack

COLUMNS = ("obs", "action", "next_obs", "reward", "terminated")


def worlds(count: int, ticks: int, length: int = 5, size: int = 3) -> Transitions:
    """Worlds side by side, whose episodes last `length` ticks; observations name world and tick."""
    parts = []
    for tick in range(ticks):
        obs = np.zeros((count, size), np.float32)
        obs[:, 0], obs[:, 1], obs[:, 2] = np.arange(count), tick, tick // length
        next_obs = obs.copy()
        next_obs[:, 1] += 1
        action = np.full((count, 2), tick / ticks, np.float32)
        ended = np.full(count, tick % length == length - 1)
        parts.append((obs, action, next_obs, tick + obs[:, 0], ended))
    return Transitions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def same(first: Transitions, second: Transitions) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert getattr(first, name).dtype == getattr(second, name).dtype


@pytest.mark.parametrize("rows", [1, 7, 60])
def test_what_is_packed_is_unpacked(rows: int) -> None:
    for data in (worlds(1, 60), worlds(4, 15)):
        some = data.take(slice(0, rows))
        same(unpack(pack(some)), some)


def test_an_empty_file_is_possible() -> None:
    nothing = worlds(1, 1).take(slice(0, 0))
    assert len(unpack(pack(nothing))) == 0


def test_what_follows_without_a_gap_shares_its_observations() -> None:
    tensors = pack(worlds(1, 60, length=60))
    assert tensors["obs"].shape == (61, 3) and tensors["ticks"].tolist() == [60]
    tensors = pack(worlds(1, 60, length=20))
    assert tensors["obs"].shape == (63, 3) and tensors["ticks"].tolist() == [20, 20, 20]


def test_a_broken_file_is_named() -> None:
    tensors = pack(worlds(1, 10))
    with pytest.raises(DataError, match=r"expected obs, action"):
        unpack({"obs": tensors["obs"]})
    with pytest.raises(DataError, match=r"2 segments of 9 ticks in all, but 12 observations"):
        unpack(tensors | {"ticks": torch.tensor([5, 4])})


def test_older_files_hold_a_buffer() -> None:
    buffer = ReplayBuffer(3, 2, 40)
    for k in range(3):
        buffer.add(worlds(1, 60).take(slice(20 * k, 20 * k + 20)))
    old = {"rows": torch.as_tensor(buffer.rows), "added": torch.tensor(buffer.added)}
    held = as_recorded(old)
    np.testing.assert_array_equal(held.rows, buffer.rows)
    assert held.added == 60
    held = as_recorded(pack(buffer.all()))
    assert held.added == 40 and held.rows[0, 1] == 20


def test_a_subsample_is_the_whole_history_of_some_worlds() -> None:
    data = worlds(8, 30)
    kept = Subsample(most=100, worlds=8).choose(data)
    assert len(kept) == 3 * 30
    assert sorted(set(kept.obs[:, 0].tolist())) == [0.0, 4.0, 7.0]
    assert stride_of(data) == 8 and stride_of(kept) == 1
    for world in (0, 4, 7):
        own = kept.take(np.flatnonzero(kept.obs[:, 0] == world))
        np.testing.assert_array_equal(own.obs[:, 1], np.arange(30))
    assert len(Subsample(most=1, worlds=8).choose(data)) == 30  # one world at least
    assert len(Subsample(most=10_000, worlds=8).choose(data)) == len(data)
    last = data.take(slice(0, 8 * 29 + 3))  # the last step is not of all worlds
    assert len(Subsample(most=10_000, worlds=8).choose(last)) == len(last)


def test_a_pretrained_run_and_two_finetuned_ones_fit_on_a_small_disk(tmp_path: Path) -> None:
    """At the default settings of pretraining on the Furuta pendulum, measured at a tenth."""
    config, layout = PretrainConfig(), ObservationLayout.from_spec(load_robot("furuta"))
    ticks = -(-config.capacity // config.num_envs)
    data = worlds(config.num_envs, ticks // 10, length=350, size=layout.size)
    data = Transitions(data.obs, data.action[:, :1], data.next_obs, data.reward, data.terminated)
    kept = Subsample(config.kept_transitions // 10, config.num_envs).choose(data)
    save_file(pack(kept), tmp_path / "replay.safetensors")
    tenth = (tmp_path / "replay.safetensors").stat().st_size / 1e6
    whole = megabytes(config.kept_transitions, layout.size, layout.action_size)
    assert tenth == pytest.approx(whole / 10, rel=0.1)
    assert 3 * whole < 40  # MB; every transition of all worlds took 345 MB in each run
