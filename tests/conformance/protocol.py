"""What every driver keeps against its own mock device: inherit, name `protocol`, get the tests.

The robot's own promises are those of `tests.conformance.robot`, on the same rig.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from hardware.driver import ATTEMPTS, Driver
from hardware.mock.board import Board, Device
from hardware.mock.fault_plan import FaultPlan
from hardware.mock.lockstep import LockstepClock, LockstepPort
from hardware.protocols import make_driver, make_mock
from robot_mbrl.contract import Command, RobotSpec
from robot_mbrl.contract.errors import (
    ContractMismatchError,
    DeviceFault,
    LinkError,
    LinkTimeout,
    RobotMbrlError,
    SafetyError,
)
from robot_mbrl.contract.interface import LATCHED_FAULTS, Fault
from robot_mbrl.contract.observation.neutral_command import neutral_command
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data.tick import TickFlag
from robot_mbrl.onboard import SafeRobot
from tests.conformance.drive import DriveConformance, Make, count
from tests.conformance.robot import RobotConformance, assert_neutral
from tests.support.lockstep_rig import IntegratorPlant, quiet

BOARD_FAULTS = (
    Fault.WATCHDOG,
    Fault.COMMAND_REJECTED,
    Fault.OVERTEMPERATURE,
    Fault.UNDERVOLTAGE,
    Fault.ENCODER,
)
"""What a mock board can come to by itself."""


@dataclass(frozen=True)
class Rig:
    """A driver and its device on a wire without time, connected."""

    driver: Driver
    device: Device
    clock: LockstepClock
    port: LockstepPort

    @property
    def board(self) -> Board:
        return self.device.board

    @property
    def plan(self) -> FaultPlan:
        return self.device.board.plan

    def wait(self, seconds: float) -> None:
        self.clock.wait_until(self.clock.now() + seconds)


def make_rig(
    spec: RobotSpec,
    device_spec: RobotSpec | None = None,
    *,
    parameters: dict[str, float] | None = None,
    start: float = 0.0,
) -> Rig:
    """A driver for `spec` and a device that is another robot where `device_spec` is given; its
    joints begin at angles about `start` rad."""
    of_device = device_spec or spec
    plant = IntegratorPlant(of_device, start=start)
    reality = quiet(of_device, parameters)
    board = Board(of_device, plant, reality, np.random.default_rng(0))
    device = make_mock(board)
    port = LockstepPort(device)
    return Rig(make_driver(spec, port), device, LockstepClock(device), port)


class ProtocolConformance(RobotConformance, DriveConformance):
    """The suite; a subclass defines `protocol`, a name that `hardware.protocols` knows, and a
    fixture `plain_spec` where furuta does not fit its devices."""

    protocol: str
    reports: tuple[Fault, ...] = BOARD_FAULTS
    """Those that this protocol has a bit for; a device without a watchdog leaves that out."""

    @pytest.fixture
    def plain_spec(self, furuta: RobotSpec) -> RobotSpec:
        return furuta

    @pytest.fixture
    def spec(self, plain_spec: RobotSpec) -> RobotSpec:
        return replace(plain_spec, link=replace(plain_spec.link, protocol=self.protocol))

    @pytest.fixture
    def rig(self, spec: RobotSpec) -> Iterator[Rig]:
        rig = make_rig(spec)
        rig.driver.connect()
        yield rig
        rig.driver.close()

    @pytest.fixture
    def robot(self, rig: Rig) -> Driver:
        rig.driver.arm()
        return rig.driver

    @pytest.fixture
    def make(self, spec: RobotSpec) -> Make:
        """A plant without weight, whose delays differ from motor to motor."""
        latencies = {
            f"actuators.{a.name}.latency_ms": 5.0 * k for k, a in enumerate(spec.actuators)
        }

        def robot() -> tuple[Driver, LockstepClock]:
            rig = make_rig(spec, parameters=latencies, start=0.2)
            rig.driver.connect()
            return rig.driver, rig.clock

        return robot

    # --- identity -----------------------------------------------------------------------------

    def test_is_a_driver(self, rig: Rig) -> None:
        assert isinstance(rig.driver, Driver)

    def test_connect_says_who_it_is_and_leaves_the_drive_off(
        self, rig: Rig, spec: RobotSpec
    ) -> None:
        identity = rig.driver.identity
        assert identity is not None and identity.firmware and identity.serial
        assert identity.robot in (spec.name, None)
        assert not rig.board.enabled
        echo = rig.driver.send(self.command(spec, 0.2))
        assert_neutral(replace(rig.driver.read(), applied=echo.value), spec)

    @pytest.mark.parametrize("difference", ["finer encoder", "weaker motor"])
    def test_another_machine_is_refused(self, spec: RobotSpec, difference: str) -> None:
        first, motor = spec.joints[0], spec.actuators[0]
        finer = replace(first, encoder_counts_per_rev=2 * first.encoder_counts_per_rev)
        weaker = replace(motor, limit=0.5 * motor.limit)
        other = {
            "finer encoder": replace(spec, joints=(finer, *spec.joints[1:])),
            "weaker motor": replace(spec, actuators=(weaker, *spec.actuators[1:])),
        }[difference]
        rig = make_rig(spec, other)
        with pytest.raises(ContractMismatchError, match=r"counts|limits"):
            rig.driver.connect()
        assert not rig.board.enabled

    def test_nobody_there_is_a_timeout_of_seconds_at_most(self, spec: RobotSpec) -> None:
        rig = make_rig(spec)
        rig.plan.drop_replies = 1_000_000
        start = rig.clock.now()
        with pytest.raises(LinkTimeout, match=spec.name):
            rig.driver.connect()
        assert rig.clock.now() - start < 5.0

    # --- drive, watchdog ----------------------------------------------------------------------

    def test_the_echo_is_what_is_applied(self, robot: Driver, rig: Rig, spec: RobotSpec) -> None:
        echo = robot.send(self.command(spec, 0.25))
        np.testing.assert_array_equal(echo.value, rig.board.command)
        rig.wait(0.005)
        np.testing.assert_array_equal(echo.value, rig.board.drive)

    def test_the_watchdog_is_armed_fed_by_commands_alone_and_needs_clearing(
        self, robot: Driver, rig: Rig, spec: RobotSpec
    ) -> None:
        if Fault.WATCHDOG not in self.reports:
            pytest.skip("a device without a watchdog")
        period_s = spec.safety.watchdog_ms * 1e-3
        for _ in range(10):
            robot.send(self.command(spec, 0.1))
            rig.wait(0.5 * period_s)
        assert robot.read().faults == 0
        for _ in range(6):
            rig.wait(0.5 * period_s)
            state = robot.read()
        assert state.faults & Fault.WATCHDOG
        assert not rig.board.powered.any()
        with pytest.raises(DeviceFault, match=r"watchdog.*clear_faults"):
            robot.arm()
        assert_neutral(state, spec)
        robot.clear_faults()
        assert not rig.board.enabled
        robot.arm()
        assert robot.read().faults == 0

    def test_a_position_is_that_of_the_calibrated_joint(self, spec: RobotSpec) -> None:
        """Commands and samples share the offset: what is held does not jump by it."""
        offsets = tuple(0.1 * (k + 1) * (-1) ** k for k in range(len(spec.joints)))
        rig = make_rig(replace(spec, joint_offset_rad=offsets), spec, start=0.2)
        rig.driver.connect()
        rig.driver.arm()
        before = rig.driver.read()
        asked = neutral_command(spec, before.q_rad)
        np.testing.assert_allclose(before.applied, asked, atol=1e-5)
        np.testing.assert_allclose(rig.driver.send(Command(asked)).value, asked, atol=1e-5)
        rig.wait(0.5e-3 * spec.safety.watchdog_ms)
        np.testing.assert_allclose(rig.driver.read().q_rad, before.q_rad, atol=count(spec))
        rig.driver.close()

    def test_the_device_says_which_watchdog_it_goes_by(
        self, rig: Rig, spec: RobotSpec, caplog: pytest.LogCaptureFixture
    ) -> None:
        if Fault.WATCHDOG not in self.reports:
            pytest.skip("a device without a watchdog")
        assert rig.driver.confirmed_off and rig.driver.watchdog_s == 0.0
        rig.driver.arm()
        assert rig.driver.watchdog_s == pytest.approx(rig.board.watchdog_s)
        assert rig.driver.watchdog_s == pytest.approx(1e-3 * spec.safety.watchdog_ms, abs=1e-3)
        assert not rig.driver.confirmed_off
        rig.driver.stop()
        assert rig.driver.confirmed_off

    @pytest.mark.parametrize("factor", [0.25, 2.5])
    def test_another_watchdog_than_robot_toml_says_is_refused(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch, factor: float
    ) -> None:
        if Fault.WATCHDOG not in self.reports:
            pytest.skip("a device without a watchdog")
        enable = rig.board.enable
        monkeypatch.setattr(rig.board, "enable", lambda seconds: enable(factor * seconds))
        with pytest.raises(DeviceFault, match=r"watchdog is at .* ms, not at .*watchdog_ms"):
            rig.driver.arm()
        assert not rig.board.powered.any() and rig.driver.confirmed_off

    def test_a_stop_that_nobody_hears_is_not_confirmed(self, robot: Driver, rig: Rig) -> None:
        rig.plan.drop_replies = 1_000_000
        robot.stop()
        assert not robot.confirmed_off
        rig.plan.drop_replies = 0
        robot.stop()
        assert robot.confirmed_off

    # --- a bad wire ---------------------------------------------------------------------------

    @pytest.mark.parametrize("fault", ["drop_replies", "corrupt_replies"])
    def test_bad_replies_cost_two_deadlines_and_no_more(
        self, robot: Driver, rig: Rig, spec: RobotSpec, fault: str
    ) -> None:
        timeout_s = spec.link.reply_timeout_ms * 1e-3
        robot.read()
        robot.send(self.command(spec, 0.0))  # at once: there is time to ask again
        for _ in range(20):  # another byte is wrong each time
            setattr(rig.plan, fault, 2)
            start = rig.clock.now()
            with pytest.raises(LinkTimeout, match=f"within {1e3 * timeout_s:g} ms"):
                robot.read()
            assert rig.clock.now() - start == pytest.approx(2 * timeout_s)
            assert robot.read().fresh
            robot.send(self.command(spec, 0.0))
        assert robot.statistics.lost == 40
        assert (robot.statistics.frame_errors > 0) == (fault == "corrupt_replies")

    @pytest.mark.parametrize("when", ["read", "send"])
    @pytest.mark.parametrize("fault", ["drop_replies", "corrupt_replies"])
    @pytest.mark.parametrize("replies", [1, 2])
    def test_a_bad_reply_is_asked_for_again_and_two_cost_the_supervisor_one_tick(
        self, rig: Rig, spec: RobotSpec, fault: str, when: str, replies: int
    ) -> None:
        safe, action = SafeRobot(rig.driver, spec, rig.clock), np.zeros(len(spec.actuators))
        safe.arm()
        flags, due_s = [], rig.clock.now()
        for tick in range(30):
            if when == "read" and tick % 3 == 1:
                setattr(rig.plan, fault, replies)
            safe.read()
            if when == "send" and tick % 3 == 1:
                setattr(rig.plan, fault, replies)
            safe.send(action)
            flags.append(safe.flags & (TickFlag.STALE | TickFlag.SEND_FAILED))
            due_s += spec.control.dt
            rig.clock.wait_until(due_s)
        bad = TickFlag.STALE if when == "read" else TickFlag.SEND_FAILED
        assert flags == [
            bad if replies > 1 and tick % 3 == 1 else TickFlag(0) for tick in range(30)
        ]
        safe.close()

    def test_a_late_reply_is_never_taken_for_the_next(
        self, robot: Driver, rig: Rig, spec: RobotSpec
    ) -> None:
        before = robot.read().device_time_s
        rig.plan.reply_delay_ms = 1.5 * spec.link.reply_timeout_ms
        with pytest.raises(LinkTimeout):
            robot.read()
        rig.plan.reply_delay_ms = 0.0
        rig.wait(4e-3 * spec.link.reply_timeout_ms)
        now = rig.clock.now()
        assert robot.read().device_time_s == pytest.approx(now, abs=1e-3) != before
        assert robot.statistics.late >= 1

    def test_a_slow_reply_within_the_deadline_is_waited_for(
        self, robot: Driver, rig: Rig, spec: RobotSpec
    ) -> None:
        rig.plan.reply_delay_ms = 0.5 * spec.link.reply_timeout_ms
        robot.read()
        assert robot.statistics.lost == 0
        expected_s = 0.5e-3 * spec.link.reply_timeout_ms
        assert robot.statistics.round_trip_last_s == pytest.approx(expected_s)

    # --- a wrong clock ------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "clock",
        [
            {},
            {"clock_rate": 0.5},
            {"clock_rate": 2.0},
            {"clock_jump_s": 3.0},
            {"clock_jump_s": -0.1},
            {"clock_jump_s": 2**32 * 1e-6 - 0.3, "clock_bits": 32},
        ],
    )
    def test_a_wrong_clock_of_the_device_neither_stops_nor_hides_a_speed(
        self, rig: Rig, spec: RobotSpec, clock: dict[str, float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All joints turn at 0.9 rad/s, which is allowed, and after 0.6 s at 1.1, which is not."""
        joints = tuple(
            replace(j, position_limit_rad=(-9, 9), velocity_limit_rad_s=1.0) for j in spec.joints
        )
        safe = SafeRobot(rig.driver, replace(spec, joints=joints), rig.clock)
        start_s, dt = rig.clock.now(), spec.control.dt

        def turn() -> np.ndarray:
            t = rig.clock.now() - start_s
            return np.full(len(joints), 0.9 * t + 0.2 * max(0.0, t - 0.6))

        monkeypatch.setattr(rig.board.plant, "positions", turn)
        safe.arm()
        with pytest.raises(RobotMbrlError) as stopped:
            for tick in range(1, round(1.0 / dt)):
                rig.clock.wait_until(start_s + tick * dt)
                if tick == round(0.2 / dt):
                    vars(rig.plan).update(clock)
                safe.read()
                safe.send(np.zeros(len(spec.actuators)))
        assert safe.reason is StopReason.LIMIT_VELOCITY, stopped.value
        assert 0.6 < rig.clock.now() - start_s < 0.6 + 2.5 * dt
        safe.close()

    # --- stop and close -----------------------------------------------------------------------

    @pytest.mark.parametrize("lost", [1, ATTEMPTS - 1])
    def test_stop_is_repeated_until_acknowledged(
        self, robot: Driver, rig: Rig, spec: RobotSpec, lost: int
    ) -> None:
        robot.send(self.command(spec, 0.5))
        rig.plan.drop_replies = lost
        robot.stop()
        assert rig.plan.drop_replies == 0
        assert not rig.board.enabled
        assert not rig.board.powered.any()

    def test_stop_ends_in_time_and_never_raises_on_a_dead_wire(
        self, robot: Driver, rig: Rig, spec: RobotSpec, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig.plan.drop_replies = 1_000_000
        start = rig.clock.now()
        robot.stop()
        budget_s = ATTEMPTS * spec.link.reply_timeout_ms * 1e-3
        assert rig.clock.now() - start <= 3 * budget_s  # a bus asks each motor
        assert "watchdog stops it" in caplog.text
        rig.port.unplug()
        robot.stop()
        robot.close()

    def test_an_unplugged_cable_is_a_link_error(self, robot: Driver, rig: Rig) -> None:
        rig.port.unplug()
        with pytest.raises(LinkError, match="unplugged"):
            robot.read()

    def test_close_stops_and_frees_the_port(self, robot: Driver, rig: Rig, spec: RobotSpec) -> None:
        robot.send(self.command(spec, 0.5))
        robot.close()
        assert not rig.board.enabled
        with pytest.raises(LinkError):
            rig.port.write(b"")
        again = make_driver(spec, LockstepPort(rig.device))
        again.connect()
        assert again.read().fresh

    # --- faults -------------------------------------------------------------------------------

    @pytest.mark.parametrize("fault", BOARD_FAULTS)
    def test_faults_are_the_contracts(self, robot: Driver, rig: Rig, fault: Fault) -> None:
        if fault not in self.reports:
            pytest.skip("the protocol has no bit for it")
        rig.board.trip(fault)
        assert Fault(robot.read().faults) & LATCHED_FAULTS == fault

    def test_a_clamped_command_is_no_latched_fault(
        self, robot: Driver, rig: Rig, spec: RobotSpec
    ) -> None:
        robot.send(self.command(spec, 5.0))
        assert not Fault(robot.read().faults) & LATCHED_FAULTS

    @pytest.mark.parametrize("fault", BOARD_FAULTS)
    def test_the_supervisor_stops_for_the_right_reason(
        self, rig: Rig, spec: RobotSpec, fault: Fault
    ) -> None:
        if fault not in self.reports:
            pytest.skip("the protocol has no bit for it")
        safe = SafeRobot(rig.driver, spec, rig.clock)
        safe.arm()
        safe.read()
        rig.board.trip(fault)
        rig.wait(spec.control.dt)
        with pytest.raises(RobotMbrlError) as stopped:
            safe.read()
        expected = StopReason.WATCHDOG if fault is Fault.WATCHDOG else StopReason.DEVICE_FAULT
        assert safe.reason is expected
        assert (fault.name or "").lower().replace("_", " ") in str(stopped.value)
        with pytest.raises(SafetyError):
            safe.send(np.zeros(len(spec.actuators)))
        safe.close()

    def test_commands_move_the_right_motor(self, robot: Driver, rig: Rig, spec: RobotSpec) -> None:
        """Each actuator alone, so that no index is swapped on the wire."""
        for a, j in enumerate(spec.actuated):
            before = robot.read().q_rad
            value = neutral_command(spec, before)
            value[a] += 0.1 * spec.actuators[a].limit
            robot.send(Command(value))
            rig.wait(0.5 * spec.safety.watchdog_ms * 1e-3)
            after = robot.read().q_rad
            robot.send(Command(neutral_command(spec, after)))
            assert np.flatnonzero(np.abs(after - before) > 1e-3).tolist() == [j]
