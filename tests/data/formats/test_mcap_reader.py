"""Episodes as they are read: exactly as written, damaged ones refused, cut ones up to their end."""

import numpy as np
import pytest
from mcap.writer import Writer

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Tick, read_episode
from tests.support.mcap_records import record_ends


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
