import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hardware
from hardware.mcu import frames as mcu
from hardware.mcu import messages
from hardware.mcu.frames import (
    Frame,
    FrameReader,
    McuFault,
    MessageType,
    decode_frame,
    encode_frame,
)
from robot_mbrl.contract.errors import FrameError
from robot_mbrl.contract.interface import LATCHED_FAULTS, Fault

COMMAND = bytes.fromhex("05 01 03 02 01 01 05 20 40 5c c1 00")
STATE = bytes.fromhex(
    "08 01 82 02 01 87 d6 12 01 01 01 01 03 d2 04 01 01 01 03 02 01 02 02 01 05"
    "fd ff ff ff 01 03 20 40 01 05 c8 41 e0 75 00"
)
LATCHED_BITS = {bit for bit, fault in mcu.MEANING.items() if fault & LATCHED_FAULTS}
PAGE = (Path(hardware.__file__).parent / "mcu" / "protocol.md").read_text(encoding="utf-8")

frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 0xFFFF), st.binary(max_size=400))


def test_crc_has_the_published_check_value() -> None:
    assert mcu.crc16(b"123456789") == 0x29B1


def test_command_is_these_bytes() -> None:
    assert encode_frame(messages.command(0x0102, (2.5,))) == COMMAND
    assert decode_frame(COMMAND) == Frame(0x03, 0x0102, bytes.fromhex("00 00 20 40"))


def test_no_delimiter_inside_a_frame() -> None:
    assert STATE.count(b"\x00") == 1 and STATE.endswith(b"\x00")


def test_the_page_shows_these_very_bytes() -> None:
    block = re.search(r"```\n(.*?)\n```", PAGE, re.DOTALL)
    assert block is not None
    command, state = (bytes.fromhex(line) for line in block[1].splitlines())
    assert command == COMMAND
    assert state == STATE


def test_the_page_lists_every_message_and_fault_bit() -> None:
    for kind in MessageType:
        assert f"| 0x{kind.value:02X} | {kind.name} |" in PAGE
    for fault in McuFault:
        latched = "yes" if fault in LATCHED_BITS else "no"
        assert f"| 0x{fault.value:04X} | {fault.name} | {latched} |" in PAGE
    assert f"version {mcu.PROTOCOL_VERSION}" in PAGE


@given(frames)
def test_round_trip(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)) == frame


@given(st.lists(frames, max_size=4), st.lists(st.integers(1, 40), min_size=1))
def test_chunks_of_any_size_give_the_same_frames(expected: list[Frame], sizes: list[int]) -> None:
    stream = b"".join(encode_frame(f) for f in expected)
    reader, found, at = FrameReader(), [], 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        found += reader.feed(stream[at : at + size])
        at += size
    assert found == expected
    assert reader.errors == 0


@pytest.mark.parametrize("wire", [COMMAND, STATE])
def test_no_corrupted_byte_yields_a_wrong_frame(wire: bytes) -> None:
    """Every byte replaced by every other value; the frame after the broken one always arrives."""
    follower = Frame(0x02, 7)
    for at in range(len(wire)):
        for value in set(range(256)) - {wire[at]}:
            broken = wire[:at] + bytes([value]) + wire[at + 1 :]
            reader = FrameReader()
            assert reader.feed(broken + b"\x00" + encode_frame(follower)) == [follower]
            assert reader.errors >= 1


def test_half_a_frame_costs_one_frame() -> None:
    reader = FrameReader()
    assert reader.feed(STATE[:10]) == []
    assert reader.feed(COMMAND) == []  # melted into the half frame before it
    assert reader.feed(COMMAND) == [decode_frame(COMMAND)]
    assert reader.errors == 1


def test_half_a_frame_that_was_given_up_costs_no_other() -> None:
    reader = FrameReader()
    assert reader.feed(STATE[:10]) == []
    reader.restart()
    reader.restart()
    assert reader.errors == 1
    assert reader.feed(COMMAND) == [decode_frame(COMMAND)]


def test_garbage_then_a_frame() -> None:
    reader = FrameReader()
    assert reader.feed(b"boot: hello, world\r\n\x00" + COMMAND) == [decode_frame(COMMAND)]
    assert reader.errors == 1


def test_a_line_without_delimiters_does_not_fill_the_memory() -> None:
    reader = FrameReader()
    for _ in range(100):
        assert reader.feed(b"\x55" * 1000) == []
    assert len(reader._buffer) < mcu.MAX_FRAME_BYTES
    assert reader.feed(b"\x00" + COMMAND) == [decode_frame(COMMAND)]
    assert reader.errors == 1


def test_empty_frames_are_ignored() -> None:
    reader = FrameReader()
    assert reader.feed(b"\x00\x00" + COMMAND + b"\x00") == [decode_frame(COMMAND)]
    assert reader.errors == 0


def test_another_version_is_named() -> None:
    body = bytes([9, 2, 1, 0])
    wire = mcu.cobs.encode(body + mcu.crc16(body).to_bytes(2, "little"))
    with pytest.raises(FrameError, match=r"version 9.*update the firmware"):
        decode_frame(wire)


def test_a_frame_that_is_too_long_is_refused() -> None:
    with pytest.raises(FrameError, match="at most 512"):
        encode_frame(Frame(1, 1, bytes(600)))


def test_every_fault_bit_has_a_meaning_and_an_unknown_one_is_a_fault_too() -> None:
    assert set(mcu.MEANING) == set(McuFault)
    for bit, fault in mcu.MEANING.items():
        assert mcu.meaning_of(bit) == fault and bit.name == fault.name
    assert mcu.meaning_of(0) == Fault(0)
    both = McuFault.WATCHDOG | McuFault.NOT_ENABLED
    assert mcu.meaning_of(both) == Fault.WATCHDOG | Fault.NOT_ENABLED
    assert mcu.meaning_of(0x8000 | McuFault.STOPPED) == Fault.HARDWARE | Fault.STOPPED
