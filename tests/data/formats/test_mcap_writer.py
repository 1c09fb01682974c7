"""Episodes as they are written: whole ticks whatever happens to the process or the disk."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from robot_mbrl.contract.errors import DataError, ShapeError
from robot_mbrl.data import EpisodeWriter, read_episode
from tests.support.mcap_records import record_ends

CHILD = """
import sys, numpy as np
from pathlib import Path
from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Tick
spec = load_robot("furuta")
writer = EpisodeWriter(Path(sys.argv[1]), EpisodeHeader.from_spec(spec, kind="collect", created=""))
size, one, two = ObservationLayout.from_spec(spec).size, np.zeros(1), np.zeros(2)
for i in range(int(sys.argv[2])):
    writer.write(Tick(i, 0.02 * i, 0.02 * i, two, np.full(size, i), one, one, 0.0, two, 0.0, 0.0))
    print(i, flush=True)
print("done", flush=True)
sys.stdin.read()
"""


def test_other_programs_can_open_it(write):
    with write(3).open("rb") as file:
        messages = list(make_reader(file).iter_messages())
    schema, channel, message = messages[2]
    assert (schema.encoding, channel.message_encoding, channel.topic) == (
        "jsonschema", "json", "/tick",
    )  # fmt: skip
    assert set(json.loads(message.data)) == set(json.loads(schema.data)["properties"])
    assert message.log_time == 1_000_040_000_000


@pytest.mark.parametrize("field", ["observation", "applied", "proposed", "q_rad"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_is_refused_when_writing(tmp_path, header, make_tick, field, bad):
    tick = make_tick(0)
    values = getattr(tick, field).copy()
    values[-1] = bad
    with (
        EpisodeWriter(tmp_path / "e.mcap", header) as writer,
        pytest.raises(DataError, match=field),
    ):
        writer.write(make_tick(0, **{field: values}))


def test_wrong_shape_is_refused(tmp_path, header, make_tick):
    with (
        EpisodeWriter(tmp_path / "e.mcap", header) as writer,
        pytest.raises(ShapeError, match=r"expected shape \(\d+,?\), got \(3,\)"),
    ):
        writer.write(make_tick(0, observation=np.zeros(3)))


def test_kill_9_loses_at_most_the_last_tick(tmp_path):
    path = tmp_path / "e.mcap"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), "100000"], stdout=subprocess.PIPE, text=True
    ) as child:
        for line in child.stdout:
            if int(line) >= 50:
                break
        os.kill(child.pid, signal.SIGKILL)
        said = [int(x) for x in child.stdout.read().split("\n") if x.isdigit()]
    episode = read_episode(path, recover=True)
    # every tick that was reported written is there
    assert len(episode) > max([50, *said[:-1]])
    assert episode.index.tolist() == list(range(len(episode)))


def limited_child(path: Path, size: int) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        [sys.executable, "-B", "-c", CHILD, str(path), "1000"],
        preexec_fn=limit, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("size", [20_000, 20_001, 20_333])
def test_a_file_that_cannot_grow_stays_readable_up_to_the_last_whole_tick(tmp_path, size):
    path = tmp_path / "e.mcap"
    child = limited_child(path, size)
    assert child.returncode != 0
    assert f"DataError: {path}: cannot be written (File too large)" in child.stderr
    assert "bytes are free there" in child.stderr
    written = child.stdout.split()
    assert "done" not in written
    episode = read_episode(path, recover=True)
    assert len(episode) == len(written)
    data = path.read_bytes()
    assert record_ends(data + bytes(8))[-1] == len(data)  # no half record is left


def test_full_disk(tmp_path, header, make_tick):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        writer = EpisodeWriter(disk / "e.mcap", header)
        with pytest.raises(DataError, match="No space left on device"):
            for i in range(1000):
                writer.write(make_tick(i))
        assert len(read_episode(disk / "e.mcap", recover=True)) == writer.ticks > 10
        with pytest.raises(DataError, match="closed"):
            writer.write(make_tick(0))
        writer.close("later")  # nothing to close: no second error
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_episodes_are_never_overwritten(write):
    write(2)
    with pytest.raises(DataError, match="exists already"):
        write(2)


def test_footer_tells_why_it_ended(tmp_path, header, make_tick):
    writer = EpisodeWriter(tmp_path / "e.mcap", header)
    writer.write(make_tick(0))
    writer.close("limit_position", {"ticks": 1})
    writer.close("again")
    episode = read_episode(tmp_path / "e.mcap")
    assert (episode.stop_reason, episode.report) == ("limit_position", {"ticks": 1})


def test_an_exception_is_the_stop_reason(tmp_path, header, make_tick):
    with pytest.raises(ZeroDivisionError), EpisodeWriter(tmp_path / "e.mcap", header) as writer:
        writer.write(make_tick(0))
        _ = 1 / 0
    assert read_episode(tmp_path / "e.mcap").stop_reason.startswith("exception: ZeroDivision")
