"""Watching a robot through the command line."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from launch.main import main
from robot_mbrl.contract.errors import SettingsError
from sim.rendering.movie import find_ffmpeg

SHORT = ["sim", "--robot", "furuta", "--seconds", "0.2", "--size", "64", "48", "--json"]


def test_a_gif_plays_as_long_as_the_episode(tmp_path, gl, capsys):
    assert main([*SHORT, "--gif", str(tmp_path / "a.gif")]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["seconds"] == pytest.approx(0.2)
    assert result["success"] is False
    with Image.open(tmp_path / "a.gif") as movie:
        assert movie.size == (64, 48)
        assert (movie.n_frames, movie.info["duration"]) == (5, 40)


def test_a_video_by_ffmpeg(tmp_path, gl):
    try:
        find_ffmpeg()
    except SettingsError as error:
        pytest.skip(str(error))
    assert main([*SHORT, "--video", str(tmp_path / "a.mp4")]) == 0
    assert (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"


def test_without_ffmpeg_it_says_what_to_do(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sim.rendering.movie.shutil.which", lambda name: None)
    monkeypatch.setattr("sim.rendering.movie.importlib.util.find_spec", lambda name: None)
    assert main([*SHORT, "--video", str(tmp_path / "a.mp4")]) == 1
    assert "pip install imageio-ffmpeg" in capsys.readouterr().err


def test_a_controller_drives(controller, capsys):
    args = ["--controller", str(controller), "--seconds", "0.2", "--json"]
    assert main(["sim", *args]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["robot"] == "furuta"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--gif", "a.mp4"], "expected a name that ends in .gif"),
        (["--video", "no/such/a.mp4"], "its folder does not exist"),
        (["--size", "15", "48"], "even numbers from 16"),
        (["--seconds", "0"], "more than 0"),
    ],
)
def test_wrong_settings_are_named_before_anything_runs(more, message, capsys):
    assert main(["sim", *more]) == 1
    assert message in capsys.readouterr().err


def test_randomization_as_a_table(capsys):
    assert main(["sim", "--robot", "furuta", "--show-randomization", "--json"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "links.pendulum.mass" in line)
    assert " ".join(row.split()) == (
        "links.pendulum.mass uniform scale x 0.8 to 1.2 reset 0.024 kg 0.0192 to 0.0288 kg"
    )
    rows = json.loads(out.splitlines()[-1])["randomization"]
    latency = next(r for r in rows if r["parameter"] == "actuators.motor.latency_ms")
    assert latency["physical"] == "5 to 30 ms"
    assert {r["distribution"] for r in rows} == {"uniform", "log-uniform"}


LONG = """
[randomization.links.pendulum]
mass = { add = [-0.0024, 0.0048], distribution = "normal", std = 0.0012, when = "build" }
[randomization.joints.pendulum]
damping = { scale = [0.5, 2.0], group = "oil", when = "interval", every_s = [1, 3] }
friction = { set = [1e-6, 1e-5], group = "oil", correlation = -0.5, when = "interval", every_s = [1, 3] }
"""  # noqa: E501 - TOML's inline tables take one line
SHOWN = {
    "links.pendulum.mass": "normal add + -0.0024 to 0.0048, 0 +- 0.0012 build 0.024 kg 0.0216 to "
    "0.0288 kg",
    "joints.pendulum.damping": "uniform scale x 0.5 to 2 interval, 1 to 3 s oil 3.3e-05 N m s/rad "
    "1.65e-05 to 6.6e-05 N m s/rad",
    "joints.pendulum.friction": "uniform set 1e-06 to 1e-05 interval, 1 to 3 s oil -0.5 5e-06 N m "
    "1e-06 to 1e-05 N m",
}


def test_randomization_in_its_long_form_as_a_table(robot_folder: Path, capsys):
    toml = robot_folder / "robot.toml"
    toml.write_text(toml.read_text().partition("[randomization")[0] + LONG)
    assert main(["sim", "--robot", str(robot_folder), "--show-randomization", "--json"]) == 0
    out = capsys.readouterr().out
    for path, shown in SHOWN.items():
        row = next(line for line in out.splitlines() if path in line)
        assert " ".join(row.split()) == f"{path} {shown}"
    rows = {r.pop("parameter"): r for r in json.loads(out.splitlines()[-1])["randomization"]}
    assert rows["links.pendulum.mass"]["when"] == "build"
    assert rows["joints.pendulum.friction"]["group"] == "oil -0.5"


def test_worlds_around_a_calibration_and_another_robots_is_refused(tmp_path, capsys):
    file = tmp_path / "mine.toml"
    measured = "[parameters.links.pendulum]\nmass = { mean = 1.1, interval = [1.0, 1.2] }"
    file.write_text(f'robot = "furuta"\n{measured}')
    args = ["--robot", "furuta", "--calibration", str(file)]
    assert main(["sim", *args, "--show-randomization"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "pendulum.mass" in line)
    assert "normal" in row and "x 1 to 1.2, 1.1 +- 0.05102" in row
    file.write_text(f'robot = "other"\n{measured}')
    for verb in (["sim"], ["pretrain", "--out", str(tmp_path / "run")]):
        assert main([*verb, *args]) == 1
        assert "is for robot 'other', this one is 'furuta'" in capsys.readouterr().err


INERTIAL = """<inertial><origin xyz="0 0 0.1"/><mass value="0.2"/>
<inertia ixx="7e-4" iyy="7e-4" izz="7e-4" ixy="0" ixz="0" iyz="0"/></inertial>"""
ARM = f"""<robot name="arm"><link name="base"/><link name="upper">{INERTIAL}</link>
<joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/>
<axis xyz="0 1 0"/><limit lower="-2" upper="2" effort="1.4" velocity="6"/></joint></robot>"""
TINY = ["--updates", "16", "--checkpoint-every", "16", "--num-envs", "4", "--warmup-steps", "400"]
TINY += ["--evaluation-worlds", "2", "--alarm-worlds", "2", "--fit.steps", "4"]
TINY += ["--agent.sac.batch", "16", "--fit.batch", "16", "--fit.check-every", "2"]


@pytest.mark.slow
def test_a_new_robot_pretrains_without_an_edit(tmp_path, capsys):
    urdf, folder = tmp_path / "arm.urdf", tmp_path / "arm"
    urdf.write_text(ARM)
    assert main(["new-robot", str(urdf), "--out", str(folder)]) == 0
    assert "numbers marked MEASURE" in capsys.readouterr().out
    ended = main(["pretrain", "--robot", str(folder), "--out", str(tmp_path / "run"), *TINY])
    assert ended in (0, 4)  # so short a training may well learn nothing
    assert (tmp_path / "run" / "weights.safetensors").is_file()


BROKEN = {
    "no inertia": (INERTIAL, "", "link 'upper': no mass, but joint 'shoulder' moves it"),
    "negative mass": ('"0.2"', '"-0.2"', "link 'upper': <mass> is -0.2 kg; expected a positive"),
    "loop": (
        "</robot>",
        '<joint name="b" type="fixed"><parent link="upper"/><child link="base"/></joint></robot>',
        "remove one joint",
    ),
    "missing mesh": (
        INERTIAL,
        INERTIAL + '<visual><geometry><mesh filename="a.stl"/></geometry></visual>',
        "link 'upper': mesh 'a.stl' is not there; put the file at",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_urdf_is_an_error_with_file_element_and_remedy(fault, tmp_path, capsys):
    old, new, message = BROKEN[fault]
    urdf = tmp_path / "arm.urdf"
    urdf.write_text(ARM.replace(old, new))
    assert main(["new-robot", str(urdf), "--out", str(tmp_path / "arm")]) == 1
    error = capsys.readouterr().err
    assert str(urdf) in error and message in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["arm.urdf"]


BROKEN_TOML = {
    "unknown joint": ('joint = "arm"', 'joint = "elbow"', "actuator[0].joint: expected one of"),
    "upside down": ("[0.8, 1.2]", "[1.2, 0.8]", "expected [a, b] with 0.01 <= a <= b <= 100; got"),
    "nowhere": ("[randomization.links.arm]", "[randomization.links.leg]", "links.leg: unknown"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN_TOML)
def test_a_broken_description_is_an_error_of_every_verb(fault, robot_folder: Path, capsys):
    old, new, message = BROKEN_TOML[fault]
    toml = robot_folder / "robot.toml"
    toml.write_text(toml.read_text().replace(old, new, 1))
    out = robot_folder.parent / "run"
    for verb in (["sim"], ["pretrain", "--out", str(out)]):
        assert main([*verb, "--robot", str(robot_folder)]) == 1
        error = capsys.readouterr().err
        assert str(toml) in error and message in error
    assert not out.exists()
    shutil.rmtree(robot_folder)
