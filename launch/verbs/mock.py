"""`robot-mbrl mock`: a mock robot on a pseudo-serial port, in real time, until Ctrl-C."""

import json
from dataclasses import dataclass

from hardware import make_device
from hardware.mock.pty_server import PtyServer
from launch.operator_stop import OperatorStop
from launch.verb import Outcome, Verb
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.description.reality import load_reality
from robot_mbrl.onboard.realtime import realtime_priority


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Serve a mock robot on a pseudo-serial port until Ctrl-C.

    The first line on stdout is JSON with the key "port": pass that to `deploy` or `collect` in
    another terminal. The device has its own clock, its own watchdog and the physics of the reality
    file.
    """

    robot: str = "furuta"
    """built-in robot or robot folder"""
    reality: str | None = None
    """a reality file (TOML) or a name in the robot's folder `realities`; nominal by default"""


def run(settings: Settings) -> Outcome:
    """Serve until a signal."""
    spec = load_robot(settings.robot)
    reality = load_reality(settings.reality, spec)
    device = make_device(spec, reality)
    with OperatorStop() as stop, stop.during_episode(), PtyServer(device) as server:
        first = {"port": server.port, "robot": spec.name, "reality": reality.name}
        print(json.dumps(first), flush=True)
        with realtime_priority(60):  # as a microcontroller waits for nobody
            server.run(until=lambda: stop.requested)
    for event in device.board.events:
        print(f"{event.time_s:9.3f} s  {event.text}")
    worst_ms = 1e3 * server.worst_stall_s
    print(f"served {device.board.time_s:.1f} s, longest stall {worst_ms:.1f} ms")
    return Outcome(first | {"seconds": device.board.time_s, "worst_stall_ms": worst_ms})
