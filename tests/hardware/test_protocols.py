"""Every protocol against its own mock device; a toy shows that a new one is a folder and a line."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hardware.protocols
from hardware import open_connection
from hardware.protocols import PROTOCOLS, WireProtocol, make_driver
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import DeviceFault, SpecError
from robot_mbrl.contract.interface import Fault
from robot_mbrl.onboard import SafeRobot, StopReason
from tests.conformance.protocol import ProtocolConformance, make_rig
from tests.support.lockstep_rig import IntegratorPlant
from tests.support.toy_protocol.lines import ToyFault

ROOT = Path(__file__).parents[2]
TOY = WireProtocol(
    "tests.support.toy_protocol.driver:ToyDriver", "tests.support.toy_protocol.device:ToyDevice"
)


class TestMcu(ProtocolConformance):
    protocol = "mcu"


class TestMcuOnAnArmOfServos(ProtocolConformance):
    protocol = "mcu"

    @pytest.fixture
    def plain_spec(self) -> RobotSpec:
        return load_robot("arm")


class TestToy(ProtocolConformance):
    protocol = "toy"

    @pytest.fixture(autouse=True)
    def registered(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setitem(hardware.protocols.PROTOCOLS, "toy", TOY)
        yield

    def test_its_overload_is_not_taken_for_the_watchdog(self, spec: RobotSpec) -> None:
        """Bit 1 is the watchdog in protocol mcu."""
        rig = make_rig(spec)
        rig.driver.connect()
        rig.driver.arm()
        rig.board.trip(Fault.OVERLOAD)
        assert ToyFault.OVERLOAD == 1
        assert Fault(rig.driver.read().faults) == Fault.OVERLOAD | Fault.NOT_ENABLED
        safe = SafeRobot(rig.driver, spec, rig.clock)
        with pytest.raises(DeviceFault, match="overload"):
            safe.arm()
        assert safe.reason is StopReason.DEVICE_FAULT

    def test_a_connection_finds_driver_and_device_by_the_name_in_robot_toml(
        self, spec: RobotSpec
    ) -> None:
        connection = open_connection(spec, "mock", plant=lambda *_: IntegratorPlant(spec))
        assert type(connection.robot).__name__ == "ToyDriver"
        connection.robot.arm()
        connection.robot.send(self.command(spec, 0.5))
        connection.clock.wait_until(0.05)
        assert connection.robot.read().q_rad[spec.actuated[0]] > 0.01


def test_every_protocol_stands_in_this_file() -> None:
    tried = {
        suite.protocol
        for suite in globals().values()
        if isinstance(suite, type)
        and issubclass(suite, ProtocolConformance)
        and suite is not ProtocolConformance
    }
    assert tried >= set(PROTOCOLS)


def test_an_unknown_protocol_names_those_there_are(spec: RobotSpec) -> None:
    other = replace(spec, link=replace(spec.link, protocol="modbus"))
    with pytest.raises(SpecError, match=r"link\.protocol: expected one of 'mcu'.*'modbus'"):
        make_driver(other, np.nan)  # type: ignore[arg-type]


def test_no_protocol_is_imported_before_it_is_asked_for() -> None:
    script = "import sys, hardware; print([m for m in sys.modules if m.startswith('hardware.mcu')])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
