"""The firmware of the mock, seen through frames."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hardware.mcu import messages
from hardware.mcu.device import McuDevice
from hardware.mcu.frames import Frame, FrameReader, McuFault, encode_frame
from hardware.mcu.messages import StateMessage
from hardware.mock.board import TICK_S
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.reality import Change, Failure
from robot_mbrl.contract.interface import Fault
from tests.support.lockstep_rig import make_rig_device, quiet

COUNT = 2 * math.pi / 2048


def ask(device: McuDevice, frame: Frame) -> StateMessage:
    device.receive(encode_frame(frame))
    (reply,) = FrameReader().feed(device.transmit())
    assert reply.sequence == frame.sequence
    return StateMessage.unpack(reply)


def read(device: McuDevice) -> StateMessage:
    return ask(device, messages.read(1))


def send(device: McuDevice, *values: float) -> StateMessage:
    return ask(device, messages.command(2, values))


def enable(device: McuDevice, watchdog_ms: int = 80) -> StateMessage:
    return ask(device, messages.enable(3, watchdog_ms))


def test_commands_do_nothing_before_enable(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    assert send(device, 2.0).applied == (0.0,)
    assert read(device).faults == McuFault.NOT_ENABLED
    assert enable(device).faults == 0
    assert send(device, 2.0).applied == (2.0,)


def test_the_plant_moves_as_driven(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    enable(device, 1000)
    send(device, 0.5)  # turns at 1 rad/s
    device.board.advance_to(0.5)
    assert read(device).counts == (round(0.5 / COUNT), 0)
    assert read(device).device_us == 500_000


@pytest.mark.parametrize("period_ms", [20, 80])
def test_the_watchdog_cuts_the_drive_and_latches(spec: RobotSpec, period_ms: int) -> None:
    device, plant = make_rig_device(spec)
    enable(device, period_ms)
    send(device, 2.0)
    device.board.advance_to(period_ms * 1e-3 - 2 * TICK_S)
    assert device.board.drive == [2.0]
    device.board.advance_to(period_ms * 1e-3 + 2 * TICK_S)
    assert device.board.drive == [0.0] and plant.command == [0.0]
    assert device.board.faults == Fault.WATCHDOG | Fault.NOT_ENABLED
    assert "WATCHDOG" in device.board.events[-1].text
    assert send(device, 2.0).applied == (0.0,)
    assert enable(device).faults & McuFault.WATCHDOG, "ENABLE alone must not bring it back"
    assert ask(device, messages.clear(9)).faults == McuFault.NOT_ENABLED
    assert enable(device).faults == 0


def test_reading_does_not_feed_the_watchdog_and_commands_do(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    enable(device, 80)
    for tick in range(1, 20):
        device.board.advance_to(tick * 0.02)
        send(device, 1.0)
    assert device.board.faults == 0
    for tick in range(20, 30):
        device.board.advance_to(tick * 0.02)
        read(device)
    assert Fault.WATCHDOG in device.board.faults


@pytest.mark.parametrize("values", [(math.nan,), (math.inf,), (1.0, 2.0), ()])
def test_senseless_commands_are_rejected_and_latch(
    spec: RobotSpec, values: tuple[float, ...]
) -> None:
    device, _ = make_rig_device(spec)
    enable(device)
    send(device, 1.0)
    state = send(device, *values)
    assert state.faults == McuFault.COMMAND_REJECTED | McuFault.NOT_ENABLED
    assert state.applied == (0.0,)


def test_too_large_commands_are_clamped_and_said_so(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    enable(device)
    state = send(device, -7.0)
    assert state.applied == (-5.0,) and state.faults == McuFault.COMMAND_CLAMPED
    assert send(device, 5.0).faults == 0


@pytest.mark.parametrize("limit", [0.1, 0.7, 5.0])
def test_the_limit_itself_is_not_beyond_the_limit(spec: RobotSpec, limit: float) -> None:
    motor = replace(spec.actuators[0], limit=limit)
    device, _ = make_rig_device(replace(spec, actuators=(motor,)), quiet(spec))
    enable(device)
    state = send(device, limit)  # 0.1 is larger as float32 than as float64
    assert state.faults == 0
    assert state.applied == pytest.approx((limit,))


@pytest.mark.parametrize("latency_ms", [0.0, 5.0, 25.0])
def test_a_command_comes_into_force_after_its_latency(spec: RobotSpec, latency_ms: float) -> None:
    reality = quiet(spec, {"actuators.motor.latency_ms": latency_ms})
    device, plant = make_rig_device(spec, reality)
    enable(device)
    device.board.advance_to(0.010)
    assert send(device, 3.0).applied == (3.0,)
    device.board.advance_to(0.010 + latency_ms * 1e-3)
    assert plant.command == [0.0]
    device.board.advance_to(0.012 + latency_ms * 1e-3)
    assert plant.command == [3.0]


def test_jitter_varies_latency_within_its_bounds_and_keeps_the_order(spec: RobotSpec) -> None:
    reality = quiet(spec, {"actuators.motor.latency_ms": 10.0, "actuators.motor.jitter_ms": 4.0})
    device, plant = make_rig_device(spec, reality)
    enable(device)
    delays = []
    for k in range(1, 100):
        sent = device.board.time_s
        send(device, k * 0.01)
        while plant.command != pytest.approx([k * 0.01]):
            device.board.advance_to(device.board.time_s + TICK_S)
        delays.append(device.board.time_s - sent)
        device.board.advance_to(sent + 0.02)
    assert min(delays) >= 0.006 - 1e-9 and max(delays) <= 0.014 + 2 * TICK_S
    assert max(delays) - min(delays) > 0.005


def test_stop_overtakes_commands_on_their_way(spec: RobotSpec) -> None:
    device, plant = make_rig_device(spec, quiet(spec, {"actuators.motor.latency_ms": 20.0}))
    enable(device)
    send(device, 3.0)
    device.board.advance_to(0.021)
    send(device, 4.0)
    device.board.advance_to(0.025)
    assert plant.command == [3.0]
    ask(device, messages.stop(5))
    for _ in range(50):
        device.board.advance_to(device.board.time_s + TICK_S)
        assert plant.command == [0.0]
    assert device.board.faults == Fault.STOPPED | Fault.NOT_ENABLED
    assert enable(device).faults == 0


@pytest.mark.parametrize("age_ms", [0, 2, 7])
def test_samples_are_as_old_as_the_reality_says(spec: RobotSpec, age_ms: int) -> None:
    device, plant = make_rig_device(spec, quiet(spec, {"sensors.latency_ms": float(age_ms)}))
    for tick in range(1, 51):
        plant.q[1] = tick * COUNT  # one count a millisecond
        device.board.advance_to(tick * TICK_S)
    assert read(device).counts[1] == 50 - age_ms


def test_noise_is_in_counts(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec, quiet(spec, {"sensors.noise_counts": 3.0}))
    counts = np.array([read(device).counts[0] for _ in range(2000)])
    assert counts.std() == pytest.approx(math.hypot(3.0, math.sqrt(1 / 12)), rel=0.06)
    assert abs(counts.mean()) < 0.3


def test_without_noise_a_resting_joint_reads_the_same(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    assert {read(device).counts for _ in range(20)} == {(0, 0)}


def test_backlash_swallows_a_reversal(spec: RobotSpec) -> None:
    play = 20 * COUNT
    reality = quiet(spec, {"joints.arm.backlash_rad": play})
    device, plant = make_rig_device(spec, reality)

    def reading(q_counts: float) -> int:
        plant.q[0] = q_counts * COUNT
        device.board.advance_to(device.board.time_s + TICK_S)
        return read(device).counts[0]

    assert [reading(q) for q in (5, 10, 50, 100)] == [0, 0, 40, 90]
    assert [reading(q) for q in (90, 80, 79, 60)] == [90, 90, 89, 70]


def test_encoder_offset_shifts_the_zero(spec: RobotSpec) -> None:
    reality = quiet(spec, {"joints.arm.encoder_offset_rad": 100 * COUNT})
    device, plant = make_rig_device(spec, reality)
    plant.q[0] = 130 * COUNT
    device.board.advance_to(TICK_S)
    assert read(device).counts[0] == 30


def test_counts_go_on_beyond_a_revolution(spec: RobotSpec) -> None:
    device, plant = make_rig_device(spec)
    plant.q[1] = -5.5 * 2 * math.pi
    device.board.advance_to(TICK_S)
    assert read(device).counts[1] == -5.5 * 2048


@pytest.mark.parametrize(("lost_in", "lost_out"), [(0.0, 0.0), (0.1, 0.1), (0.2, 0.0), (0.0, 0.2)])
def test_frames_are_lost_in_both_directions(
    spec: RobotSpec, lost_in: float, lost_out: float
) -> None:
    shares = {"actuators.motor.lost_share": lost_in, "sensors.lost_share": lost_out}
    device, _ = make_rig_device(spec, quiet(spec, shares))
    answered = 0
    for _ in range(3000):
        device.receive(encode_frame(messages.read(1)))
        answered += bool(device.transmit())
    assert answered / 3000 == pytest.approx((1 - lost_in) * (1 - lost_out), abs=0.03)


def test_heat_rises_with_drive_and_latches_when_too_much(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    enable(device, 60_000)
    send(device, 5.0)
    device.board.advance_to(10.0)
    assert read(device).temperature_c[0] == pytest.approx(25 + 40 * (1 - math.exp(-1 / 6)), abs=0.1)
    device.board.heat.celsius[:] = 101.0
    device.board.advance_to(10.01)
    assert Fault.OVERTEMPERATURE in device.board.faults and device.board.drive == [0.0]
    assert ask(device, messages.clear(4)).faults & McuFault.OVERTEMPERATURE, "still hot"


def test_brown_out_and_dead_encoder_latch(spec: RobotSpec) -> None:
    brown_out = Change(at_s=0.1, path="actuators.motor.supply", scale=0.5)
    device, _ = make_rig_device(spec, quiet(spec, changes=(brown_out,)))
    enable(device, 1000)
    device.board.advance_to(0.099)
    assert device.board.faults == 0
    device.board.advance_to(0.102)
    assert Fault.UNDERVOLTAGE in device.board.faults
    device, _ = make_rig_device(spec)
    enable(device, 1000)
    device.board.plan.lose_encoder = True
    device.board.advance_to(0.01)
    assert Fault.ENCODER in device.board.faults


def test_a_frozen_encoder_shows_in_the_sample_counter(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    enable(device, 1000)
    send(device, 1.0)
    device.board.advance_to(0.1)
    device.board.plan.freeze_encoders = True
    before = read(device)
    device.board.advance_to(0.2)
    after = read(device)
    assert (after.counts, after.sample) == (before.counts, before.sample)
    assert after.device_us > before.device_us


def test_failures_of_the_reality_come_at_their_times(spec: RobotSpec) -> None:
    failures = (Failure(0.1, {"drop_replies": 2}), Failure(0.2, {"lose_encoder": True}))
    device, _ = make_rig_device(spec, quiet(spec, failures=failures))
    device.board.advance_to(0.099)
    assert read(device).faults == McuFault.NOT_ENABLED
    device.board.advance_to(0.101)
    answered = []
    for _ in range(3):
        device.receive(encode_frame(messages.read(1)))
        answered.append(bool(device.transmit()))
    assert answered == [False, False, True]
    device.board.advance_to(0.201)
    assert Fault.ENCODER in device.board.faults


def test_strangers_frames_are_not_answered(spec: RobotSpec) -> None:
    device, _ = make_rig_device(spec)
    for frame in (Frame(0x44, 1), Frame(0x82, 1), Frame(0x04, 1, b"\x01")):
        device.receive(encode_frame(frame))
    assert device.transmit() == b""


def test_the_same_seed_gives_the_same_bytes(spec: RobotSpec) -> None:
    reality = quiet(
        spec,
        {
            "sensors.noise_counts": 2.0,
            "sensors.lost_share": 0.2,
            "actuators.motor.lost_share": 0.2,
            "actuators.motor.jitter_ms": 3.0,
        },
    )

    def bytes_of(seed: int) -> bytes:
        device, _ = make_rig_device(spec, reality, seed)
        device.receive(encode_frame(messages.enable(1, 1000)) * 5)
        for k in range(100):
            device.board.advance_to(k * 0.01)
            device.receive(encode_frame(messages.command(k, (1.0,))))
        return device.transmit()

    assert bytes_of(1) == bytes_of(1)
    assert bytes_of(1) != bytes_of(2)
