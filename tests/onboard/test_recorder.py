"""A recorder in the background: nothing is lost, nothing waits for the disk."""

import threading
import time

import numpy as np
import pytest

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Tick, read_episode
from robot_mbrl.onboard import recorder as module
from robot_mbrl.onboard.recorder import BackgroundRecorder


@pytest.fixture
def writer(tmp_path):
    action = {"name": "m", "unit": "V", "limit": 1.0}
    header = EpisodeHeader("r", "f", ("c",), ("j",), (action,), 50.0, "collect", "")
    return EpisodeWriter(tmp_path / "e.mcap", header)


def tick(index: int) -> Tick:
    one = np.ones(1)
    return Tick(index, 0.02 * index, 0.0, one, one, one, one, 0.0, one, 0.0, 0.0)


def test_every_tick_is_there_at_the_end(writer):
    recorder = BackgroundRecorder(writer)
    for i in range(200):
        recorder.record(tick(i))
    recorder.close(StopReason.FINISHED, "", {"a": 1})
    recorder.close(StopReason.FINISHED, "", {})
    episode = read_episode(writer.path)
    assert episode.index.tolist() == list(range(200))
    assert (episode.complete, episode.report["a"]) == (True, 1)
    assert not [t for t in threading.enumerate() if t.name == "recorder"]


def test_a_slow_disk_makes_no_tick_late(writer, monkeypatch):
    began, on = threading.Event(), threading.Event()

    def sync():
        began.set()
        assert on.wait(10)

    monkeypatch.setattr(module, "SYNC_S", 0.01)
    monkeypatch.setattr(writer, "sync", sync)
    recorder = BackgroundRecorder(writer)
    recorder.record(tick(0))
    assert began.wait(5)
    start = time.monotonic()
    for i in range(1, 100):
        recorder.record(tick(i))
    assert time.monotonic() - start < 1.0
    assert len(read_episode(writer.path, recover=True)) == 1
    on.set()
    recorder.close(StopReason.FINISHED, "", {})
    assert len(read_episode(writer.path)) == 100


def test_the_disk_has_every_tick_within_a_second(writer, monkeypatch):
    """Also one that comes just after the disk was asked for, and the last one before a pause."""
    synced: list[tuple[float, int]] = []
    monkeypatch.setattr(module, "SYNC_S", 0.1)
    monkeypatch.setattr(writer, "sync", lambda: synced.append((time.monotonic(), writer.ticks)))
    recorder = BackgroundRecorder(writer)
    for i in range(3):
        recorder.record(tick(i))
        recorded_s = time.monotonic()
        while not synced or synced[-1][1] <= i:
            assert time.monotonic() < recorded_s + 5
            time.sleep(0.005)
        assert synced[-1][0] - recorded_s < 0.2 + 1.0  # twice the pause, and a busy machine
    recorder.close(StopReason.FINISHED, "", {})


@pytest.mark.parametrize("step", ["append", "sync"])
def test_a_failing_disk_is_told_at_the_next_tick(writer, monkeypatch, step):
    def fail(*_):
        raise DataError("e.mcap: cannot be written (No space left on device)")

    monkeypatch.setattr(module, "SYNC_S", 0.01)
    monkeypatch.setattr(writer, step, fail)
    recorder = BackgroundRecorder(writer)
    with pytest.raises(DataError, match="No space left"):
        for i in range(500):
            recorder.record(tick(i))
            time.sleep(0.01)
    recorder.close(StopReason.RECORDER, "", {})  # told once


def test_a_failure_of_the_last_tick_is_told_at_the_end(writer, monkeypatch):
    def fail(record):
        raise DataError("cannot be written")

    monkeypatch.setattr(writer, "append", fail)
    recorder = BackgroundRecorder(writer)
    recorder.record(tick(0))
    with pytest.raises(DataError, match="cannot be written"):
        recorder.close(StopReason.FINISHED, "", {})


def test_a_disk_that_takes_nothing_stops_the_robot(writer, monkeypatch):
    on = threading.Event()
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    monkeypatch.setattr(writer, "append", lambda record: on.wait(10))
    recorder = BackgroundRecorder(writer)
    with pytest.raises(DataError, match="10 ticks behind"):
        for i in range(20):
            recorder.record(tick(i))
    on.set()
    recorder.close(StopReason.RECORDER, "", {})
