import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.identity import Identity
from hardware.mcu import messages
from hardware.mcu.frames import Frame, decode_frame
from hardware.mcu.messages import IdentityMessage, StateMessage
from robot_mbrl.contract.errors import FrameError
from tests.hardware.mcu.test_frames import STATE

IDENTITY = IdentityMessage(
    Identity("furuta", "mock 1.0", "A-1", (2048, 4096), ("V",), (5.0,)), watchdog_ms=80
)
floats32 = st.floats(width=32, allow_nan=False)


def test_state_from_literal_bytes() -> None:
    state = StateMessage.unpack(decode_frame(STATE))
    assert state == StateMessage(1_234_567, 1234, 0, (512, -3), (2.5,), (25.0,))


def test_identity_from_literal_bytes() -> None:
    payload = bytes.fromhex(
        "01 61 00 02 c3 a9 50 00 01 02 00 08 00 00 01 03 00 00 a0 40 00 00 00 3f"
    )
    message = IdentityMessage.unpack(Frame(0x81, 0, payload))
    expected = Identity("a", "", "é", (2048,), ("V", "Nm"), (5.0, 0.5))
    assert message == IdentityMessage(expected, 80)
    assert message.pack(0).payload == payload


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 0xFFFF),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5),
    st.lists(st.tuples(floats32, floats32), max_size=5),
)
def test_state_round_trip(
    us: int, sample: int, faults: int, counts: list[int], motors: list[tuple[float, float]]
) -> None:
    applied, temperature = tuple(m[0] for m in motors), tuple(m[1] for m in motors)
    state = StateMessage(us, sample, faults, tuple(counts), applied, temperature)
    assert StateMessage.unpack(state.pack(3)) == state


def test_no_sensor_is_nan() -> None:
    state = StateMessage(0, 0, 0, (), (1.0,), (math.nan,))
    assert math.isnan(StateMessage.unpack(state.pack(1)).temperature_c[0])


@pytest.mark.parametrize("change", [-1, 1])
def test_a_payload_of_another_length_is_refused(change: int) -> None:
    for frame, unpack in (
        (IDENTITY.pack(1), IdentityMessage.unpack),
        (decode_frame(STATE), StateMessage.unpack),
        (messages.enable(1, 80), messages.unpack_enable),
        (messages.command(1, (1.0, 2.0)), messages.unpack_command),
    ):
        payload = frame.payload[:-1] if change < 0 else frame.payload + b"\x01"
        with pytest.raises(FrameError, match=r"too (short|many)"):
            unpack(Frame(frame.type, frame.sequence, payload))


def test_another_type_is_refused() -> None:
    with pytest.raises(FrameError, match="expected STATE, got message type 0x81"):
        StateMessage.unpack(IDENTITY.pack(1))


def test_an_unknown_unit_is_refused() -> None:
    payload = bytearray(IDENTITY.pack(1).payload)
    payload[-5] = 99
    with pytest.raises(FrameError, match="unit code 99"):
        IdentityMessage.unpack(Frame(0x81, 1, bytes(payload)))


def test_a_long_name_is_refused() -> None:
    with pytest.raises(FrameError, match="63 bytes"):
        IdentityMessage(Identity("x" * 64, "", "", (), (), ()), 0).pack(1)
