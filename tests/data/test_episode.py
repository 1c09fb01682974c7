import json
import os
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

from robot_mbrl.contract.errors import DataError, ShapeError
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Tick, TickFlag, read_episode

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


def record_ends(data: bytes) -> list[int]:
    """Offsets at which records end, read from the bytes by the format's own rule."""
    ends, at = [], 8
    while at < len(data) - 8:
        at += 9 + struct.unpack_from("<Q", data, at + 1)[0]
        ends.append(at)
    return ends


def test_what_is_written_reads_back_exactly(write, header, make_tick):
    episode = read_episode(write(5))
    assert len(episode) == 5
    assert episode.complete
    assert episode.stop_reason == "finished"
    assert episode.metadata == header
    expected = make_tick(4)
    assert episode.observations[4].tolist() == expected.observation.tolist()
    assert episode.actions[4].tolist() == expected.applied.tolist()
    assert episode.proposed[4].tolist() == [1.5]
    assert episode.q_rad[4].tolist() == expected.q_rad.tolist()
    assert episode.innovation[4].tolist() == [0.5, -1.5]
    assert episode.time_s[4] == expected.host_time_s
    assert episode.device_time_s[4] == expected.device_time_s
    assert (episode.disagreement[4], episode.lateness_s[4]) == (0.25, 0.001)
    assert (episode.plan_time_s[4], episode.flags[4], episode.index[4]) == (0.004, 0, 4)


def test_other_programs_can_open_it(write):
    with write(3).open("rb") as file:
        messages = list(make_reader(file).iter_messages())
    schema, channel, message = messages[2]
    assert (schema.encoding, channel.message_encoding, channel.topic) == (
        "jsonschema", "json", "/tick",
    )  # fmt: skip
    assert set(json.loads(message.data)) == set(json.loads(schema.data)["properties"])
    assert message.log_time == 1_000_040_000_000


def test_unknown_disagreement_and_innovation_stay_unknown(write):
    path = write(2, t0={"disagreement": np.nan, "innovation": np.array([np.nan, 1.0])})
    episode = read_episode(path)
    assert np.isnan(episode.disagreement[0])
    assert np.isnan(episode.innovation[0, 0])
    assert episode.innovation[0, 1] == 1.0


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


def test_nan_in_a_file_is_an_error(write):
    path = write(3)
    data = path.read_bytes()
    assert data.count(b'"lateness_s":0.001') == 3
    # keep the length: 0.001 -> "NaN" with spaces
    path.write_bytes(data.replace(b'"lateness_s":0.001', b'"lateness_s":  NaN', 1))
    with pytest.raises(DataError, match="lateness_s holds nan"):
        read_episode(path)


def test_a_flipped_bit_is_found(write):
    path = write(3)
    data = bytearray(path.read_bytes())
    at = data.index(b'"lateness_s":0.001') + len(b'"lateness_s":0.00')
    data[at] ^= 1  # 0.001 -> 0.000: still a number
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="crc validation failed"):
        read_episode(path)


@pytest.fixture
def short(tmp_path):
    """Five ticks of a robot with one column of each kind: few bytes to cut at."""
    header = EpisodeHeader("r", "f", ("c",), ("j",), ({"name": "m"},), 50.0, "collect", "")
    path, one = tmp_path / "short.mcap", np.ones(1)
    with EpisodeWriter(path, header) as writer:
        for i in range(5):
            writer.write(Tick(i, 0.02 * i, 0.02 * i, one, one, one, one, 0.0, one, 0.0, 0.0))
    return path


def test_cut_at_every_byte_of_the_last_two_ticks(short):
    path = short
    data = path.read_bytes()
    ends = record_ends(data)
    # header, metadata, schema, channel, 5 messages, footer metadata, ...
    messages = ends[4:9]
    for cut in range(messages[2], messages[4]):
        path.write_bytes(data[:cut])
        whole = 3 if cut < messages[3] else 4
        with pytest.raises(DataError, match=f"cut after {whole} whole ticks.*--recover"):
            read_episode(path)
        episode = read_episode(path, recover=True)
        assert len(episode) == whole
        assert not episode.complete
        assert episode.stop_reason is None


def test_cut_at_every_byte_after_the_ticks_loses_no_tick(short):
    path = short
    data = path.read_bytes()
    for cut in range(record_ends(data)[8], len(data)):
        path.write_bytes(data[:cut])
        with pytest.raises(DataError, match="cut after 5 whole ticks"):
            read_episode(path)
        assert len(read_episode(path, recover=True)) == 5


def test_cut_before_the_header_holds_nothing(write):
    path = write(5)
    data = path.read_bytes()
    path.write_bytes(data[:40])
    with pytest.raises(DataError, match="nothing to recover"):
        read_episode(path, recover=True)


@pytest.mark.parametrize("content", [b"", b"time,position\n0,0\n", b"\x89MCAP"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "e.mcap"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not an MCAP"):
        read_episode(path, recover=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_episode(tmp_path / "absent.mcap")


def test_messages_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "other.mcap"
    writer = Writer(str(path))
    writer.start()
    schema = writer.register_schema("foxglove.Pose", "jsonschema", b"{}")
    writer.add_message(writer.register_channel("/pose", "json", schema), 0, b"{}", 0)
    writer.finish()
    with pytest.raises(DataError, match=r"'foxglove.Pose', expected 'robot_mbrl.Tick'"):
        read_episode(path)


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
        [sys.executable, "-c", CHILD, str(path), "1000"],
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


def test_kind_is_checked(spec):
    with pytest.raises(DataError, match=r"'deploy'|deploy, collect, import"):
        EpisodeHeader.from_spec(spec, kind="test", created="")


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


def test_transitions_pair_each_row_with_the_next(write):
    episode = read_episode(write(5))
    pairs = episode.transitions()
    assert pairs.obs.tolist() == episode.observations[:4].astype(np.float32).tolist()
    assert pairs.next_obs.tolist() == episode.observations[1:].astype(np.float32).tolist()
    assert pairs.action.tolist() == episode.actions[:4].astype(np.float32).tolist()
    assert not pairs.reward.any()
    assert not pairs.terminated.any()


@pytest.mark.parametrize(("change", "kept"), [
    ({"t2": {"flags": TickFlag.STALE}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.HELD}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.SEND_FAILED}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.OVER_LIMIT}}, [0, 3, 4]),
    ({"t2": {"flags": TickFlag.NEW_SEGMENT}}, [0, 2, 3, 4]),
    ({"t2": {"flags": TickFlag.CLAMPED | TickFlag.RAMPING}}, [0, 1, 2, 3, 4]),
    ({"t2": {"device_time_s": 3.04 + 0.011}}, [0, 3, 4]),
    ({"t2": {"device_time_s": 3.04 + 0.009}}, [0, 1, 2, 3, 4]),
    ({f"t{i}": {"index": i + 1, "device_time_s": 3.02 + 0.02 * i} for i in range(3, 6)},
     [0, 1, 3, 4]),
])  # fmt: skip
def test_transitions_skip_what_is_not_the_truth(write, change, kept):
    episode = read_episode(write(6, **change))
    pairs = episode.transitions()
    expected = episode.observations[kept].astype(np.float32)
    assert pairs.obs.tolist() == expected.tolist()


def test_an_episode_of_one_tick_has_no_transition(write):
    assert len(read_episode(write(1)).transitions()) == 0


def test_a_task_puts_rewards_beside(write):
    class Task:
        def reward(self, next_obs, action):
            return next_obs[:, 0] + action[:, 0]

        def terminated(self, next_obs):
            return next_obs[:, 0] > 3.5

    episode = read_episode(write(5))
    pairs = episode.transitions(Task())
    assert pairs.reward == pytest.approx(episode.observations[1:, 0] + episode.actions[:4, 0])
    assert pairs.terminated.tolist() == [False, False, False, True]
