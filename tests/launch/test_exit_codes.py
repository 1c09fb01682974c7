"""Exit codes are as the README's table says: 3 for whatever stops a robot, 1 for the rest."""

from pathlib import Path

import pytest

from launch.main import main
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import EpisodeWriter
from tests.support.onboard_graphs import write_controller


def deploy(tmp_path: Path, controller: Path, port: str = "mock", seconds: float = 1) -> int:
    args = ["--controller", str(controller), "--port", port, "--record", str(tmp_path / "episodes")]
    return main(["deploy", *args, "--seconds", str(seconds)])


def failing(tmp_path: Path, at_s: float, fault: str) -> str:
    """A mock that fails so many seconds after power-up, in the middle of homing."""
    path = tmp_path / "failing.toml"
    # hanging askew, so that homing takes a while
    moved = "[parameters.initial.arm]\nposition_rad = 0.8\n"
    path.write_text(f'description = "fails"\nseed = 1\n{moved}[[fault]]\nat_s = {at_s}\n{fault}\n')
    return f"mock:{path}"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("drop_replies = 1000", "does not answer"),
        ("freeze_encoders = true", "stands still"),
        ("lose_encoder = true", "encoder"),
    ],
)
def test_what_fails_on_the_way_home_is_a_safety_stop(
    tmp_path: Path, controller: Path, fault: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(tmp_path, controller, failing(tmp_path, 0.2, fault)) == 3
    assert said in capsys.readouterr().err
    assert not (tmp_path / "episodes").exists()


def test_a_disk_that_takes_no_more_is_a_safety_stop(
    tmp_path: Path,
    controller: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(self: EpisodeWriter, tick: object) -> None:
        raise DataError(f"{self.path}: cannot be written (No space left on device)")

    monkeypatch.setattr(EpisodeWriter, "write", full)
    assert deploy(tmp_path, controller) == 3
    assert "No space left" in capsys.readouterr().err


def test_a_port_that_is_not_there_is_an_error(tmp_path: Path, controller: Path) -> None:
    assert deploy(tmp_path, controller, "/dev/no-such-port") == 1


def test_numbers_from_the_graph_that_are_not_finite_are_a_safety_stop(
    tmp_path: Path, spec: RobotSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned = write_controller(tmp_path / "poisoned.onnx", spec, poison=True)
    assert deploy(tmp_path, poisoned) == 3
    assert "SAFETY STOP non_finite" in capsys.readouterr().out
