"""Episodes as they are read: exactly as written, damaged ones refused, cut ones up to their end."""

import os
import re
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import zstandard
from mcap.writer import CompressionType, Writer

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Tick, read_episode
from robot_mbrl.data.tick import decode_tick, encode_tick
from tests.support.mcap_records import MAGIC, chunk_record, chunked, opcodes, record_ends

BEFORE = Path(__file__).parents[1] / "before_the_move/episodes"


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


def test_unknown_disagreement_and_innovation_stay_unknown(write):
    path = write(2, t0={"disagreement": np.nan, "innovation": np.array([np.nan, 1.0])})
    episode = read_episode(path)
    assert np.isnan(episode.disagreement[0])
    assert np.isnan(episode.innovation[0, 0])
    assert episode.innovation[0, 1] == 1.0


def test_nan_in_a_file_is_an_error(make_tick):
    record = encode_tick(make_tick(0)).replace(b'"lateness_s":0.001', b'"lateness_s":NaN')
    with pytest.raises(DataError, match="tick 0: lateness_s holds nan"):
        decode_tick(record, "tick 0")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"index", b"1180591620717411303424"),
        (b"index", b"true"),
        (b"flags", b"1.5"),
        (b"lateness_s", b"1" + 400 * b"0"),
        (b"lateness_s", b"9" * 5000),
        (b"lateness_s", b"[" * 100_000),
        (b"lateness_s", b"1e999"),
        (b"q_rad", b"[[0.0]]"),
        (b"q_rad", b"{}"),
    ],
)
def test_values_that_no_tick_has_are_an_error(make_tick, field, value):
    record = re.sub(
        b'(?<="%s":)(?:[^,[]+|\\[[^]]*\\])' % field, lambda _: value, encode_tick(make_tick(0))
    )
    assert value in record
    with pytest.raises(DataError, match="tick 0"):
        decode_tick(record, "tick 0")


def test_a_flipped_bit_is_found(write):
    path = write(3)
    data = bytearray(path.read_bytes())
    at = data.index(b'"lateness_s":0.001') + len(b'"lateness_s":0.00')
    data[at] ^= 1  # 0.001 -> 0.000: still a number
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"tick 0: its checksum does not fit.*--recover"):
        read_episode(path)


@pytest.fixture
def short(tmp_path):
    """Five ticks of a robot with one column of each kind: few bytes to cut at."""
    header = EpisodeHeader(
        "r", "f", ("c",), ("j",), ({"name": "m", "unit": "V", "limit": 1.0},), 50.0, "collect", ""
    )
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


def ticks_before(short, damaged: bytes) -> int:
    """Read what is left of a damaged file; every tick of it must be as it was written."""
    whole = read_episode(short)
    path = short.with_name("damaged.mcap")
    path.write_bytes(damaged)
    try:
        episode = read_episode(path, recover=True)
    except DataError:
        return 0
    count = len(episode)
    for name in ("index", "time_s", "q_rad", "observations", "actions", "proposed", "flags"):
        np.testing.assert_array_equal(getattr(episode, name), getattr(whole, name)[:count])
    return count


def test_zeros_from_any_byte_on_leave_the_ticks_before(short):
    """As file systems do after a power cut: the length is there, the content is not."""
    data = short.read_bytes()
    messages = record_ends(data)[4:9]
    for at in range(messages[0], len(data), 17):
        zeros = data[:at] + bytes(4096 - at % 4096)
        assert ticks_before(short, zeros) == sum(end <= at for end in messages), at


def test_a_flipped_bit_anywhere_leaves_the_ticks_before(short):
    data = short.read_bytes()
    ends = record_ends(data)
    header, messages = ends[1], ends[4:9]
    for at in range(8, len(data), 11):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        before = sum(end <= at for end in messages) if at >= header else 0
        assert ticks_before(short, bytes(flipped)) >= before, at


def test_a_file_of_before_is_read_up_to_a_broken_tick(tmp_path, caplog):
    """Without checksums of its own: a tick that is no tick ends it; a changed digit is told."""
    data = next(BEFORE.glob("*.mcap")).read_bytes()
    path = tmp_path / "old.mcap"
    path.write_bytes(data.replace(b'"index":7', b'"index":x', 1))
    assert len(read_episode(path, recover=True)) == 7
    path.write_bytes(data.replace(b'"lateness_s":0', b'"lateness_s":1', 1))
    with pytest.raises(DataError, match="the checksum of the whole file does not fit"):
        read_episode(path)
    assert len(read_episode(path, recover=True)) > 7
    assert "one of its ticks may be wrong" in caplog.text


@pytest.mark.parametrize("kind", list(CompressionType))
def test_chunks_of_other_programs_are_read(short, kind):
    path = short.with_name("chunked.mcap")
    path.write_bytes(chunked(short.read_bytes(), kind))
    assert read_episode(path).observations.tolist() == read_episode(short).observations.tolist()
    data = bytearray(path.read_bytes())
    chunks = [e for e, op in zip(record_ends(data), opcodes(data), strict=True) if op == 6]
    data[chunks[2] - 20] ^= 1
    assert ticks_before(short, bytes(data)) == 2


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("claimed", [1_500_000_000, 50_000_000, 100])
def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path, compression, claimed):
    zeros = bytes(50_000_000)
    pack = {"zstd": zstandard.compress, "lz4": lz4.frame.compress}[compression]
    path = tmp_path / "bomb.mcap"
    path.write_bytes(MAGIC + chunk_record(pack(zeros), compression, claimed))
    with pytest.raises(DataError, match="nothing to recover"):
        read_episode(path, recover=True)


def test_folders_and_pipes_are_no_episodes(tmp_path):
    os.mkfifo(tmp_path / "pipe.mcap")
    with pytest.raises(DataError, match=r"pipe\.mcap: cannot be read \(it is a pipe"):
        read_episode(tmp_path / "pipe.mcap")
    with pytest.raises(DataError, match="it is a folder"):
        read_episode(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_episode("a\0b.mcap")
