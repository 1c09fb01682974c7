"""The protocols there are, by their name in robot.toml. A new one is a folder and a line here.

Nothing of a protocol is imported before somebody asks for it.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from hardware.driver import Driver
from hardware.mock.board import Board, Device
from hardware.port import Port
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import SpecError


@dataclass(frozen=True)
class WireProtocol:
    """Both ends of a wire, each as "module:Class".

    Attributes:
        driver: the host's end, (spec, port) -> Driver.
        device: the mock device's end, (board) -> Device.
    """

    driver: str
    device: str


PROTOCOLS = {
    "mcu": WireProtocol("hardware.mcu.driver:McuDriver", "hardware.mcu.device:McuDevice"),
}


def make_driver(spec: RobotSpec, port: Port) -> Driver:
    """The driver of `[link] protocol`, not yet connected; raises SpecError for an unknown one."""
    driver: Driver = _load(_protocol(spec).driver)(spec, port)
    return driver


def make_mock(board: Board) -> Device:
    """The mock device of `[link] protocol`, powered up; raises SpecError for an unknown one."""
    device: Device = _load(_protocol(board.spec).device)(board)
    return device


def _protocol(spec: RobotSpec) -> WireProtocol:
    name = spec.link.protocol
    if name not in PROTOCOLS:
        known = ", ".join(map(repr, PROTOCOLS))
        raise SpecError(
            f"{spec.folder / 'robot.toml'}: link.protocol: expected one of {known}, got {name!r}"
        )
    return PROTOCOLS[name]


def _load(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)
