import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hardware import is_mock, make_device, open_connection, open_robot
from hardware.mock.plant import metadata
from robot_mbrl.contract import Command, Robot, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.reality import Reality
from robot_mbrl.contract.errors import LinkError, SpecError
from tests.support.lockstep_rig import IntegratorPlant

ROOT = Path(__file__).parents[2]


def bench_plant(spec: RobotSpec, reality: Reality, rng: np.random.Generator) -> IntegratorPlant:
    return IntegratorPlant(spec)


@pytest.mark.parametrize(
    ("port", "expected"),
    [("mock", True), ("mock:worn", True), ("mockery", False), ("/dev/ttyACM0", False)],
)
def test_names_of_the_mock(port: str, expected: bool) -> None:
    assert is_mock(port) is expected


@pytest.mark.parametrize("port", ["mock", "mock:", "mock:heavy"])
def test_the_mock_is_a_connected_robot_in_lockstep(spec: RobotSpec, port: str) -> None:
    connection = open_connection(spec, port, plant=bench_plant)
    assert isinstance(connection.robot, Robot)
    connection.robot.arm()
    connection.robot.send(Command(np.array([1.0])))
    connection.clock.wait_until(connection.clock.now() + 0.07)
    assert connection.robot.read().q_rad[0] > 0.01
    assert connection.device is not None
    assert connection.device.board.reality.name == ("heavy" if "heavy" in port else "nominal")


@pytest.mark.parametrize("file", ["mine.toml", "my öld robot.toml", "long" * 40 + ".toml"])
def test_a_reality_file_may_stand_anywhere(spec: RobotSpec, tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("[effects.sensors]\nlost_share = 0.25\n", encoding="utf-8")
    connection = open_connection(spec, f"mock:{tmp_path / file}", plant=bench_plant)
    assert (
        connection.device is not None
        and connection.device.board.reality.effect("sensors.lost_share") == 0.25
    )


def test_the_seed_of_the_reality_repeats_the_run(spec: RobotSpec) -> None:
    def readings(rng: np.random.Generator | None) -> list[FloatArray]:
        connection = open_connection(spec, "mock:heavy", rng=rng, plant=bench_plant)
        return [connection.robot.read().q_rad for _ in range(50)]

    np.testing.assert_array_equal(readings(None), readings(None))
    assert not np.array_equal(readings(None), readings(np.random.default_rng(99)))


def test_a_wrong_reality_and_a_wrong_port_are_named(spec: RobotSpec) -> None:
    with pytest.raises(SpecError, match=r"'nowhere'.*heavy"):
        open_connection(spec, "mock:nowhere", plant=bench_plant)
    with pytest.raises(LinkError, match="/dev/nowhere"):
        open_robot(spec, "/dev/nowhere")


def test_without_a_plant_the_mock_says_what_to_install(
    spec: RobotSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: ())
    with pytest.raises(SpecError, match=r"no package offers one.*pip install '\.\[train\]'"):
        open_robot(spec, "mock")
    broken = metadata.EntryPoint("mujoco", "no_such_package.plant:make", "robot_mbrl.plants")
    monkeypatch.setattr(metadata, "entry_points", lambda group: (broken,))
    with pytest.raises(SpecError, match=r"no_such_package.*pip install '\.\[train\]'"):
        make_device(spec)


def test_the_installed_plant_is_found_and_swings(spec: RobotSpec) -> None:
    pytest.importorskip("mujoco")
    connection = open_connection(spec, "mock")
    connection.robot.arm()
    start = connection.clock.now()
    for tick in range(1, 26):
        connection.robot.send(Command(np.array([3.0])))
        connection.clock.wait_until(start + 0.02 * tick)
    q = connection.robot.read().q_rad
    assert q[0] > 0.5 and abs(q[1]) > 0.05


def test_hardware_brings_no_simulator_along() -> None:
    heavy = "{'sim', 'mujoco', 'torch', 'pybullet', 'scipy'}"
    script = f"import sys, hardware, hardware.mock.pty_server; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
