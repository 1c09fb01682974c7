"""Lies of a device, told through the real bytes in lockstep: each is found, and names itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hardware import Connection, open_connection
from hardware.mock.fault_plan import FaultPlan
from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec, load_robot
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DeviceFault, RobotMbrlError
from robot_mbrl.onboard import SafeRobot, SafetyState, StopReason, go_home, run_episode
from tests.support.onboard_fakes import FakeController

Act = Callable[[int], float]


def swing(tick: int, period: int = 10) -> float:
    """To and fro with most of the drive."""
    return 0.7 if tick // period % 2 else -0.7


class Machine:
    """A mock behind its supervisor."""

    def __init__(self, spec: RobotSpec, port: str = "mock") -> None:
        self.spec = spec
        self.connection: Connection = open_connection(spec, port)
        assert self.connection.device is not None
        self.board = self.connection.device.board
        self.plan: FaultPlan = self.board.plan
        self.clock = self.connection.clock
        self.safe = SafeRobot(self.connection.robot, spec, self.clock)

    def run(self, ticks: int, act: Act) -> tuple[StopReason | None, float]:
        """Drive; returns the reason of a stop and the seconds until it."""
        start = due = self.clock.now()
        try:
            if self.safe.state is SafetyState.DISARMED:
                self.safe.arm()
            for tick in range(ticks):
                self.safe.read()
                self.safe.send(np.full(len(self.spec.actuators), act(tick)))
                due += self.spec.control.dt
                self.clock.wait_until(due)
        except RobotMbrlError as error:
            assert error is self.safe.error
        return self.safe.reason, self.clock.now() - start


@pytest.fixture
def machine(spec: RobotSpec) -> Machine:
    return Machine(spec)


def test_an_honest_machine_is_believed(machine: Machine) -> None:
    assert machine.run(150, swing)[0] is None
    machine.safe.disarm()
    machine.clock.wait_until(machine.clock.now() + 10.0)
    assert machine.run(50, lambda _: 0.0)[0] is None


# --- restarts --------------------------------------------------------------------------------


def test_a_restart_in_an_episode_stops_as_such(machine: Machine) -> None:
    machine.run(200, lambda _: 0.0)
    machine.plan.reboot = True
    assert machine.run(10, lambda _: 0.0)[0] is StopReason.REBOOT
    assert "switch the robot off and on there" in machine.safe.message
    assert "'arm', 'pendulum'" in machine.safe.message


@pytest.mark.parametrize("pause_s", [0.1, 20.0])
def test_a_restart_between_two_episodes_refuses_until_the_operator_has_zeroed(
    machine: Machine, pause_s: float
) -> None:
    """After a while the clock shows more than it did before, and was yet begun anew."""
    machine.run(100, lambda _: 0.0)
    machine.safe.disarm()
    machine.board.reboot()
    machine.clock.wait_until(machine.clock.now() + pause_s)
    with pytest.raises(DeviceFault, match=r"sample counter \d+ after"):
        go_home(machine.safe, machine.clock, machine.spec)
    machine.safe.reset()
    with pytest.raises(DeviceFault, match=r"the device had restarted.*reset\(zeroed=True\)"):
        go_home(machine.safe, machine.clock, machine.spec)
    machine.safe.reset(zeroed=True)
    go_home(machine.safe, machine.clock, machine.spec)
    assert machine.run(50, lambda _: 0.0)[0] is None


def test_the_angles_after_a_restart_are_not_the_true_ones(spec: RobotSpec) -> None:
    machine = Machine(spec)
    machine.run(25, lambda _: 0.5)
    moved = machine.board.plant.positions()[0]
    machine.board.reboot()
    machine.clock.wait_until(machine.clock.now() + 0.1)
    shown = machine.connection.robot.read().q_rad[0]
    turned = machine.board.plant.positions()[0] - moved
    assert abs(moved) > 0.2
    assert shown == pytest.approx(turned, abs=0.01)


def test_absolute_encoders_keep_their_zero_and_a_reset_is_enough(spec: RobotSpec) -> None:
    joints = tuple(replace(j, absolute_encoder=True) for j in spec.joints)
    absolute = replace(spec, joints=joints)
    assert absolute.fingerprint == spec.fingerprint
    machine = Machine(absolute)
    machine.run(100, lambda _: 0.0)
    machine.plan.reboot = True
    assert machine.run(10, lambda _: 0.0)[0] is StopReason.REBOOT
    assert "absolute" in machine.safe.message
    machine.safe.reset()
    assert machine.run(50, lambda _: 0.0)[0] is None


# --- encoders --------------------------------------------------------------------------------


@pytest.mark.parametrize("robot", ["furuta", "simple_pendulum", "arm"])
def test_dead_encoders_stop_although_the_sample_counter_runs(robot: str) -> None:
    machine = Machine(load_robot(robot))
    machine.plan.dead_encoders = True
    before = machine.board.sample
    reason, seconds = machine.run(500, lambda tick: swing(tick, period=50))
    assert reason is StopReason.SENSOR and seconds < 2.0
    assert "stands still" in machine.safe.message and "pushed both ways" in machine.safe.message
    assert machine.board.sample > before + 500  # 1 kHz


def test_a_push_that_grows_and_moves_nothing_for_long_stops(machine: Machine) -> None:
    machine.plan.dead_encoders = True
    reason, seconds = machine.run(500, lambda tick: min(1.0, tick / 50))
    assert reason is StopReason.SENSOR and 2.0 < seconds < 4.0
    assert "blocked, or its motor or encoder is dead" in machine.safe.message


def test_the_encoder_of_a_joint_without_a_motor(machine: Machine) -> None:
    """It alone is dead: the arm goes to and fro under a pendulum that seems to hang still."""
    counts = machine.board.counts
    machine.board.counts = lambda: (counts()[0], 0)  # type: ignore[method-assign]
    pulse = [0.25] * 12 + [-0.25] * 12
    reason, _ = machine.run(2000, lambda tick: pulse[tick % 24])
    assert reason is StopReason.SENSOR
    assert "'pendulum' stands still" in machine.safe.message
    assert "3 times through their range" in machine.safe.message


@pytest.mark.parametrize("robot", ["furuta", "simple_pendulum", "arm"])
def test_a_robot_at_rest_is_no_evidence(robot: str) -> None:
    machine = Machine(load_robot(robot))
    assert machine.run(500, lambda _: 0.0)[0] is None


def test_a_joint_that_friction_holds_is_no_evidence(machine: Machine) -> None:
    """Against half of the drive, both ways."""
    plant = machine.board.plant
    plant.positions = lambda: np.zeros(2)  # type: ignore[method-assign]
    assert machine.run(500, lambda tick: 0.5 / 0.7 * swing(tick, period=25))[0] is None


def test_a_joint_that_leans_on_a_stop_is_no_evidence(machine: Machine) -> None:
    """It came to rest there under the same push, and is let go of now and then."""
    plant = machine.board.plant
    free = plant.positions
    plant.positions = lambda: np.minimum(free(), [0.3, np.inf])  # type: ignore[method-assign]
    lean = [1.0] * 400 + [0.3] * 100
    assert machine.run(1000, lambda tick: lean[tick % 500])[0] is None


# --- confirmations ---------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "shown"), [(0.0, "confirms 0"), (0.97, "confirms 3.395")])
def test_commands_confirmed_as_something_else_stop(
    machine: Machine, share: float, shown: str
) -> None:
    machine.run(20, swing)
    machine.plan.echo_share = share
    reason, seconds = machine.run(100, swing)
    assert reason is StopReason.ECHO and seconds == pytest.approx(0.5, abs=0.05)
    assert "asked for" in machine.safe.message and shown.lstrip("confirms ") in machine.safe.message


@pytest.mark.parametrize("share", [0.995, 1.005])
def test_rounding_on_the_device_is_no_lie(machine: Machine, share: float) -> None:
    machine.plan.echo_share = share
    assert machine.run(200, swing)[0] is None


def test_now_and_then_another_confirmation_is_no_lie(machine: Machine) -> None:
    """A device that confirms the command before, as every third time here."""

    def act(tick: int) -> float:
        machine.plan.echo_share = 0.5 if tick % 3 == 0 else 1.0
        return swing(tick)

    assert machine.run(200, act)[0] is None


def test_a_small_difference_does_not_silence_the_innovation(machine: Machine) -> None:
    machine.plan.echo_share = 0.97
    controller = FakeController(machine.spec, 0.3)  # more would have to be braked
    seen: list[FloatArray] = []

    class Recorder:
        def record(self, tick: object) -> None:
            seen.append(tick.innovation)  # type: ignore[attr-defined]

        def close(self, *_: object) -> None: ...

    observer = Observer(ObservationLayout.from_spec(machine.spec))
    recorder = Recorder()
    run_episode(machine.safe, machine.clock, controller, observer, recorder, 20)  # type: ignore[arg-type]
    assert np.isfinite(np.array(seen)[7:]).all()


# --- temperatures ----------------------------------------------------------------------------


def test_a_temperature_that_is_lost_stops(machine: Machine) -> None:
    machine.run(20, lambda _: 0.0)
    machine.plan.lose_temperature = True
    reason, seconds = machine.run(100, lambda _: 0.0)
    assert reason is StopReason.SENSOR and seconds == pytest.approx(0.52, abs=0.05)
    assert "motor 'motor' has shown no temperature" in machine.safe.message
    machine.safe.reset()
    assert machine.run(100, lambda _: 0.0)[0] is StopReason.SENSOR  # it has not come back


def test_a_reading_that_fails_once_is_bridged(machine: Machine) -> None:
    def act(tick: int) -> float:
        machine.plan.lose_temperature = tick % 20 == 10
        return 0.0

    assert machine.run(100, act)[0] is None


def test_a_motor_without_a_sensor_has_none(machine: Machine) -> None:
    machine.plan.lose_temperature = True
    assert machine.run(200, lambda _: 0.0)[0] is None


# --- as a reality file says it ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason", "period"),
    [
        ("reboot = true", StopReason.REBOOT, 10),
        ("dead_encoders = true", StopReason.SENSOR, 25),
        ("lose_temperature = true", StopReason.SENSOR, 10),
        ("echo_share = 0.0", StopReason.ECHO, 10),
    ],
)
def test_a_reality_file_can_tell_each_lie(
    spec: RobotSpec, tmp_path: Path, fault: str, reason: StopReason, period: int
) -> None:
    file = tmp_path / "liar.toml"
    file.write_text(f"[[fault]]\nat_s = 1.0\n{fault}\n")
    machine = Machine(spec, f"mock:{file}")
    found, seconds = machine.run(300, lambda tick: swing(tick, 10 if tick < 50 else period))
    assert found is reason and 0.9 < seconds < 2.5


# --- callers ---------------------------------------------------------------------------------


def test_a_caller_that_only_sends_is_stopped(machine: Machine) -> None:
    machine.safe.arm()
    start = due = machine.clock.now()
    with pytest.raises(RobotMbrlError, match="ms after its sample"):
        for _ in range(100):
            machine.safe.send(np.zeros(1))
            due += machine.spec.control.dt
            machine.clock.wait_until(due)
    assert machine.safe.reason is StopReason.DEADLINE
    assert machine.clock.now() - start == pytest.approx(
        0.1, abs=0.002
    )  # its watchdog's, and a tick
    assert not machine.board.enabled


def test_sending_often_within_a_tick_is_no_offence(machine: Machine) -> None:
    machine.safe.arm()
    for _ in range(20):
        machine.safe.send(np.zeros(1))
    assert machine.safe.reason is None
