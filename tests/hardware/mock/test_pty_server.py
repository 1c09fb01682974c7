"""The mock on a pseudo-terminal: real processes, real time, short."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hardware.connection import open_connection
from hardware.mcu.device import McuDevice
from hardware.mcu.driver import McuDriver
from hardware.mock.pty_server import PtyServer
from robot_mbrl.contract import Command, RobotSpec
from robot_mbrl.contract.errors import LinkError, LinkTimeout
from tests.conformance.robot import RobotConformance
from tests.support.lockstep_rig import make_rig_device

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).parents[3]
CLIENT = """
import sys, time
from dataclasses import replace
import numpy as np
from hardware import open_robot
from robot_mbrl.contract import Command, load_robot
spec = load_robot("furuta")
spec = replace(spec, link=replace(spec.link, reply_timeout_ms=500.0))
robot = open_robot(spec, sys.argv[1])
robot.arm()
while True:
    if not robot.send(Command(np.array([3.0]))).value.any():  # starved for a whole watchdog period
        robot.clear_faults()
        robot.arm()
    time.sleep(0.02)
"""


@pytest.fixture
def relaxed(spec: RobotSpec) -> RobotSpec:
    """The robot with deadlines that a busy test machine keeps too."""
    return replace(
        spec,
        link=replace(spec.link, reply_timeout_ms=500.0),
        safety=replace(spec.safety, watchdog_ms=1000.0),
    )


@pytest.fixture
def server(spec: RobotSpec) -> Iterator[PtyServer]:
    with PtyServer(make_rig_device(spec)[0]) as server:
        done = threading.Event()
        thread = threading.Thread(target=server.run, args=(done.is_set,))
        thread.start()
        yield server
        done.set()
        thread.join()


class TestPtyConformance(RobotConformance):
    @pytest.fixture
    def robot(self, relaxed: RobotSpec, server: PtyServer) -> Iterator[McuDriver]:
        robot = open_connection(relaxed, server.port).robot
        robot.arm()
        yield robot
        robot.close()


def test_the_device_lives_in_real_time(relaxed: RobotSpec, server: PtyServer) -> None:
    connection = open_connection(relaxed, server.port)
    first = connection.robot.read()
    connection.clock.wait_until(connection.clock.now() + 0.2)
    second = connection.robot.read()
    device = second.device_time_s - first.device_time_s
    assert device == pytest.approx(second.host_time_s - first.host_time_s, abs=0.05)
    assert second.sequence - first.sequence == pytest.approx(1000 * device, abs=60)
    connection.robot.close()


def test_a_port_serves_one_client_at_a_time_and_then_the_next(
    relaxed: RobotSpec, server: PtyServer
) -> None:
    first = open_connection(relaxed, server.port).robot
    with pytest.raises(LinkError, match="Close the other program"):
        open_connection(relaxed, server.port)
    first.close()
    second = open_connection(relaxed, server.port).robot
    assert second.read().fresh
    second.close()


def test_unplugged_while_connected(relaxed: RobotSpec, server: PtyServer) -> None:
    robot = open_connection(relaxed, server.port).robot
    server.unplug()
    with pytest.raises(LinkError, match=f"{server.port} is gone"):
        for _ in range(100):
            robot.read()
            time.sleep(0.01)
    robot.stop()
    robot.close()


def test_a_lost_reply_times_out_at_the_deadline(spec: RobotSpec, server: PtyServer) -> None:
    robot = open_connection(spec, server.port).robot
    server.device.board.plan.drop_replies = 1
    start = time.monotonic()
    with pytest.raises(LinkTimeout):
        robot.read()
    waited = time.monotonic() - start
    assert spec.link.reply_timeout_ms * 1e-3 <= waited < 0.1
    robot.close()


def wait_for_drive(device: McuDevice, value: float, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while device.board.drive != [value]:
        assert time.monotonic() < deadline, f"the motor never got {value} V; {device.board.events}"
        time.sleep(0.001)


def test_killing_the_client_turns_the_motor_off_within_100_ms(
    spec: RobotSpec, server: PtyServer
) -> None:
    with subprocess.Popen([sys.executable, "-c", CLIENT, server.port], cwd=ROOT) as client:
        try:
            wait_for_drive(server.device, 3.0, 20.0)
        finally:
            client.kill()
            killed = time.monotonic()
    wait_for_drive(server.device, 0.0, 2.0)
    trips = [e.time_s for e in server.device.board.events if "WATCHDOG" in e.text]
    assert server.started_s is not None
    assert trips[-1] + server.started_s - killed < 0.1 + server.worst_stall_s


def test_after_a_killed_client_the_next_one_must_clear(
    spec: RobotSpec, relaxed: RobotSpec, server: PtyServer
) -> None:
    robot = open_connection(relaxed, server.port).robot
    robot.arm()
    robot.send(Command(np.array([1.0])))
    robot._port.close()  # as a killed process leaves it
    device: McuDevice = server.device
    deadline = time.monotonic() + 3.0
    while not device.board.faults and time.monotonic() < deadline:
        time.sleep(0.01)
    again = open_connection(relaxed, server.port).robot
    with pytest.raises(LinkError, match="watchdog"):
        again.arm()
    again.clear_faults()
    again.arm()
    assert again.read().faults == 0
    again.close()
