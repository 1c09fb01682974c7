"""A measured offset reaches the robot, the controller and the episodes, and never in silence."""

import json
from pathlib import Path

import pytest

from hardware import open_connection
from launch.main import main
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.calibration import calibrate, check_calibration
from robot_mbrl.data import read_episode
from tests.support.onboard_graphs import write_controller

OFFSET_RAD = 0.1
RUN = Path(__file__).parents[1] / "data" / "before_the_move" / "run"


@pytest.fixture
def port(tmp_path: Path) -> str:
    """A mock whose arm's encoder shows 0 at 0.1 rad, and which is at rest at 0.4 rad."""
    file = tmp_path / "off.toml"
    file.write_text(
        f"[effects.joints.arm]\nencoder_offset_rad = {OFFSET_RAD}\n"
        "[parameters.initial.arm]\nposition_rad = 0.4\n"
        "[parameters.sensors]\nnoise_counts = 0.0\n"
    )
    return f"mock:{file}"


def calibration(folder: Path, **offsets: float) -> Path:
    file = folder / f"{'-'.join(f'{k}{v}' for k, v in offsets.items())}.json"
    file.write_text(json.dumps({"robot": "furuta", "joint_offset_rad": offsets}))
    return file


def run(verb: str, port: str, out: Path, *more: str) -> int:
    place = ["--record" if verb == "deploy" else "--out", str(out)]
    length = ["--seconds", "0.2", "--episodes", "1"]
    return main([verb, "--port", port, *place, *length, *more])


@pytest.mark.parametrize("verb", ["deploy", "collect"])
def test_deploy_and_collect_take_it_and_say_and_record_which(
    tmp_path: Path, controller: Path, port: str, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    mine = calibration(tmp_path, arm=OFFSET_RAD)
    args = ("--controller", str(controller))
    for name, more in {"with": ("--calibration", str(mine)), "without": ()}.items():
        out = tmp_path / name
        assert run(verb, port, out, *args, *more) == 0
        episode = read_episode(next(out.glob("*.mcap")))
        offset = OFFSET_RAD if more else 0.0
        assert episode.metadata.joint_offset_rad == {"arm": offset, "pendulum": 0.0}
    out = capsys.readouterr().out
    assert f"calibration of {mine}: joint offsets arm 0.1 rad, pendulum 0 rad" in out
    assert "no calibration: joint angles are what the encoders show" in out


@pytest.mark.parametrize("offset", [OFFSET_RAD, 0.0])
def test_with_the_calibration_the_angle_is_the_true_one(
    tmp_path: Path, spec: RobotSpec, port: str, offset: float
) -> None:
    robot = calibrate(spec, calibration(tmp_path, arm=offset))
    connection = open_connection(robot, port)
    truth, shown = connection.device.board.plant.positions(), connection.robot.read().q_rad
    connection.robot.close()
    wrong = OFFSET_RAD - offset
    assert shown == pytest.approx(truth - [wrong, 0.0], abs=spec.joints[0].rad_per_count)


def test_collecting_without_a_controller(tmp_path: Path, port: str) -> None:
    mine = calibration(tmp_path, arm=OFFSET_RAD)
    args = ("--policy", "random", "--robot", "furuta", "--calibration", str(mine))
    assert run("collect", port, tmp_path / "e", *args) == 0
    (path,) = (tmp_path / "e").glob("*.mcap")
    assert read_episode(path).metadata.joint_offset_rad["arm"] == OFFSET_RAD


def test_a_calibration_of_another_robot_is_refused(
    tmp_path: Path, controller: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"robot": "arm", "joint_offset_rad": {}}))
    args = ("--controller", str(controller), "--calibration", str(other))
    assert run("deploy", port, tmp_path / "e", *args) == 1
    assert "is for robot 'arm', this one is 'furuta'" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


@pytest.fixture
def calibrated(tmp_path: Path, spec: RobotSpec) -> Path:
    """A controller made for a calibrated machine."""
    raw = {"robot": "furuta", "joint_offset_rad": {"arm": OFFSET_RAD}}
    robot = spec.with_calibration(check_calibration(raw, spec))
    return write_controller(tmp_path / "calibrated.onnx", robot)


def test_the_offsets_in_a_controller_are_used(
    tmp_path: Path, calibrated: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("deploy", port, tmp_path / "e", "--controller", str(calibrated), "--json") == 0
    (path,) = (tmp_path / "e").glob("*.mcap")
    assert read_episode(path).metadata.joint_offset_rad["arm"] == OFFSET_RAD
    out = capsys.readouterr().out
    assert "calibration of the controller: joint offsets arm 0.1 rad, pendulum 0 rad" in out
    assert json.loads(out.splitlines()[-1])["joint_offset_rad"]["arm"] == OFFSET_RAD


def test_the_same_offsets_in_a_file_fit_and_others_name_the_way_out(
    tmp_path: Path, calibrated: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--controller", str(calibrated), "--calibration")
    assert run("deploy", port, tmp_path / "e", *args, str(calibration(tmp_path, arm=0.1))) == 0
    newer = calibration(tmp_path, arm=0.3)
    assert run("deploy", port, tmp_path / "f", *args, str(newer)) == 1
    error = capsys.readouterr().err
    assert "was made with arm 0.1 rad, pendulum 0 rad" in error and "has arm 0.3" in error
    assert f"export the controller again with --calibration {newer}" in error
    assert not (tmp_path / "f").exists()


def test_from_a_run_to_the_robot_and_back(
    tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Export with it, deploy without a word of it, and finetune: with it, or not at all."""
    mine, file, episodes = calibration(tmp_path, arm=0.1), tmp_path / "c.onnx", tmp_path / "e"
    given = ("--calibration", str(mine))
    assert main(["export", "--run", str(RUN), "--out", str(file), *given]) == 0
    assert "holds a calibration, joint offsets: arm 0.1 rad" in capsys.readouterr().out
    assert run("deploy", port, episodes, "--controller", str(file)) == 0
    assert "calibration of the controller" in capsys.readouterr().out
    tune = ["finetune", "--run", str(RUN), "--episodes", str(episodes), "--out"]
    assert main([*tune, str(tmp_path / "without")]) == 1
    assert "recorded with joint offsets arm 0.1 rad, pendulum 0 rad" in capsys.readouterr().err
    assert main([*tune, str(tmp_path / "with"), *given]) == 1
    assert "finetuning needs" in capsys.readouterr().err  # ten ticks are no data
