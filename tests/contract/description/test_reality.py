import re
from pathlib import Path

import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.description.reality import (
    Change,
    Failure,
    Payload,
    Reality,
    load_reality,
    nominal_reality,
)
from robot_mbrl.contract.errors import SpecError

SHIPPED = ("heavy", "light", "worn")


@pytest.fixture(scope="module")
def spec() -> RobotSpec:
    return load_robot("furuta")


def load_text(text: str, spec: RobotSpec, folder: Path) -> Reality:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_reality(path, spec)


def test_no_file_is_the_description(spec: RobotSpec) -> None:
    assert load_reality(None, spec) == load_reality("nominal", spec) == nominal_reality(spec)
    assert nominal_reality(spec).parameters == spec.nominal
    assert nominal_reality(spec).effect("joints.arm.cogging_nm") == 0.0


def test_an_empty_file_is_nominal_too(spec: RobotSpec, tmp_path: Path) -> None:
    reality = load_text("", spec, tmp_path)
    assert reality.parameters == spec.nominal
    assert reality.name == "mine"


def test_the_documented_example_says_what_the_page_says(spec: RobotSpec, tmp_path: Path) -> None:
    page = (BUILT_IN / "reality.md").read_text(encoding="utf-8")
    block = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert block is not None
    reality = load_text(block[1], spec, tmp_path)
    assert reality.seed == 11
    assert reality.parameters["links.pendulum.mass"] == 1.25
    assert reality.parameters["links.arm.mass"] == 1.0
    assert reality.parameters["actuators.motor.latency_ms"] == 25.0
    effects = {path: v for path, v in reality.parameters.items() if path not in spec.nominal}
    assert effects == {
        "actuators.motor.jitter_ms": 3.0,
        "actuators.motor.lost_share": 0.005,
        "sensors.lost_share": 0.005,
        "joints.arm.static_friction_nm": 6e-4,
        "joints.arm.stribeck_velocity_rad_s": 0.3,
        "joints.arm.cogging_nm": 3e-4,
        "joints.arm.cogging_periods_per_rev": 12,
        "joints.arm.cogging_phase_rad": 0.0,
        "joints.arm.backlash_rad": 0.005,
        "joints.arm.encoder_offset_rad": 0.05,
    }
    assert all(reality.effect(path) == value for path, value in effects.items())
    assert reality.effect("joints.pendulum.cogging_nm") == 0.0
    assert reality.payloads == (Payload(4.0, "pendulum", 0.005, 0.129),)
    assert reality.changes == (Change(6.0, "actuators.motor.torque_constant", 0.6),)
    clock = Failure(9.0, {"clock_rate": 0.5})
    assert reality.failures == (Failure(8.0, {"drop_replies": 10}), clock)


def test_old_words_for_the_link_are_read_and_todays_are_named(
    spec: RobotSpec, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = "[effects]\nlatency_jitter_ms = 3.0\nlost_frames = 0.25\n"
    today = """
[effects.actuators.motor]
jitter_ms = 3.0
lost_share = 0.25
[effects.sensors]
lost_share = 0.25
"""
    assert load_text(today, spec, tmp_path) == load_text(old, spec, tmp_path)
    (note,) = caplog.messages
    assert "mine.toml" in note and "effects.actuators.motor.jitter_ms = 3" in note


def test_changes_multiply_from_their_time_on(spec: RobotSpec, tmp_path: Path) -> None:
    path = "actuators.motor.torque_constant"
    text = f"[parameters]\n{path} = 0.9\n" + "".join(
        f'[[change]]\nat_s = {at}\npath = "{path}"\nscale = 0.5\n' for at in (2.0, 1.0)
    )
    reality = load_text(text, spec, tmp_path)
    assert reality.event_times_s == (1.0, 2.0)
    values = [reality.parameters_at(t)[path] for t in (0.0, 0.999, 1.0, 2.0, 9.0)]
    assert values == [0.9, 0.9, 0.45, 0.225, 0.225]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeed = 1", "seeed: unknown key; did you mean 'seed'"),
        ("[parameters.links.leg]\nmass = 1.0", r"links.leg: unknown parameter.*arm, pendulum"),
        ("[parameters.links.arm]\nmass = 0", r"links.arm.mass.*0.01 to 100"),
        ("[parameters.links.arm]\nmass = nan", r"links.arm.mass.*got nan"),
        ("[effects]\nlost_frames = 1.1", "lost_frames.*from 0 to 1"),
        ("[effects.sensors]\nlost_share = 1.1", "sensors.lost_share.*from 0 to 1"),
        ("[effects.sensors]\njitter_ms = 1", "sensors.jitter_ms: unknown.*lost_share"),
        ("[[fault]]\nat_s = 1", r"fault\[0\].at_s: expected something that fails.*drop_replies"),
        (
            "[[fault]]\nat_s = 1\ndrop_replies = 0.5",
            r"fault\[0\].drop_replies: expected an integer",
        ),
        ("[[fault]]\nat_s = 1\nlose_encoders = true", "lose_encoders: unknown key"),
        ("[[fault]]\nat_s = 1\nclock_rate = -1", r"clock_rate: expected a number from 0"),
        ("[[fault]]\nat_s = 1\nclock_bits = 65", r"fault\[0\].clock_bits: expected an integer"),
        ("[effects]\nstiction = 1", "effects.stiction: unknown key"),
        ("[effects.joints.leg]\nbacklash_rad = 0", "effects.joints.leg: unknown.*arm, pendulum"),
        (
            "[effects.joints.arm]\nbacklash = 0",
            "effects.joints.arm.backlash: unknown.*backlash_rad",
        ),
        (
            "[effects.joints.arm]\nbacklash_rad = 2",
            "backlash_rad: expected a number from 0 to 1 rad",
        ),
        ("[effects.joints.arm]\ncogging_periods_per_rev = 1.5", "expected an integer from 1"),
        ("[effects.joints.arm]\npush_nm_s = 1", "push_nm_s: unknown"),
        ("[[payload]]\nat_s = 1\nlink = 'arm'", r"payload\[0\].mass_kg.*missing"),
        ("[[payload]]\nat_s = 1\nlink = 'leg'\nmass_kg = 1", "'arm', 'pendulum'"),
        ("[[change]]\nat_s = 1\npath = 'x'\nscale = 2", r"change\[0\].path"),
        ("[[change]]\nat_s = -1\npath = 'sensors.latency_ms'\nscale = 2", "at_s"),
        ("seed = ", "not valid TOML"),
    ],
)
def test_mistakes_are_named(text: str, message: str, spec: RobotSpec, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        load_text(text, spec, tmp_path)


def test_an_unknown_name_lists_the_shipped_ones(spec: RobotSpec) -> None:
    with pytest.raises(SpecError, match=r"'hevy'.*heavy.*light.*worn"):
        load_reality("hevy", spec)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_realities_differ_clearly_from_nominal(spec: RobotSpec, name: str) -> None:
    reality, nominal = load_reality(name, spec), spec.nominal
    scales = [p for p in nominal if nominal[p] == 1.0 and p.split(".")[0] != "initial"]
    far = [p for p in scales if not 0.87 < reality.parameters[p] < 1.15]
    assert len(far) >= 3
