"""A calibration: offsets, and ranges around what was identified; another robot's is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import (
    check_calibration,
    describe_offsets,
    load_calibration,
)
from robot_mbrl.contract.description.spec import Calibration
from robot_mbrl.contract.errors import CalibrationError
from robot_mbrl.contract.parameters.variation import Variation, sample_parameters

MASS, LATENCY = "links.pendulum.mass", "actuators.motor.latency_ms"
IDENTIFIED = {
    "links": {"pendulum": {"mass": {"mean": 1.12, "interval": [1.05, 1.19]}}},
    "actuators": {"motor": {"latency_ms": {"mean": 40.0, "interval": [38.0, 44.0]}}},
}


def with_parameters(spec: RobotSpec, parameters: dict[str, Any], **more: Any) -> RobotSpec:
    raw = {"robot": spec.name, "parameters": parameters} | more
    return spec.with_calibration(check_calibration(raw, spec))


def test_gives_a_new_spec_with_offsets_in_joint_order(furuta: RobotSpec) -> None:
    calibration = {"robot": "furuta", "joint_offset_rad": {"pendulum": -0.25}}
    calibrated = furuta.with_calibration(check_calibration(calibration, furuta))
    assert calibrated.joint_offset_rad == (0.0, -0.25)
    assert furuta.joint_offset_rad == (0.0, 0.0)
    assert calibrated.fingerprint == furuta.fingerprint
    assert calibrated.calibration == calibration
    assert calibrated.randomization == furuta.randomization


def test_a_calibration_is_a_value_and_a_robot_only_applies_it(furuta: RobotSpec) -> None:
    ranges = {MASS: Variation(1.0, 2.0)}
    applied = furuta.with_calibration(Calibration((0.5, -0.5), ranges, {"robot": "anything"}))
    assert applied.joint_offset_rad == (0.5, -0.5)
    assert applied.randomization == furuta.randomization | ranges
    assert applied.calibration == {"robot": "anything"}


def test_what_was_identified_is_drawn_around_its_mean_within_its_interval(
    furuta: RobotSpec,
) -> None:
    calibrated = with_parameters(furuta, IDENTIFIED)
    drawn = sample_parameters(
        calibrated.randomization, calibrated.nominal, np.random.default_rng(0), 4000
    )
    mass = drawn[MASS]
    assert 1.05 <= mass.min() < 1.06
    assert 1.18 < mass.max() <= 1.19
    # the interval is that of 95 %: a normal distribution cut off 1.96 deviations from its mean
    truth = stats.truncnorm(-1.96, 1.96, loc=1.12, scale=0.07 / 1.96)
    assert stats.kstest(mass, truth.cdf).pvalue > 1e-4
    assert np.median(drawn[LATENCY]) == pytest.approx(40.4, abs=0.5)
    others = set(furuta.randomization) - {MASS, LATENCY}
    assert all(calibrated.randomization[p] == furuta.randomization[p] for p in others)
    assert calibrated.randomization[LATENCY].operation == "set"


def test_when_and_group_stay_as_robot_toml_says(furuta: RobotSpec) -> None:
    calibrated = with_parameters(furuta, IDENTIFIED)
    assert calibrated.randomization[MASS].when == furuta.randomization[MASS].when


def test_a_parameter_that_robot_toml_does_not_vary(furuta: RobotSpec) -> None:
    pendulum = load_robot("simple_pendulum")
    path = "actuators.motor.supply"
    assert path not in pendulum.randomization
    given = {"actuators": {"motor": {"supply": {"mean": 0.9, "interval": [0.9, 0.9]}}}}
    found = with_parameters(pendulum, given).randomization[path]
    assert (found.low, found.high, found.distribution) == (0.9, 0.9, "uniform")


def mass(**entry: Any) -> dict[str, Any]:
    return {"robot": "furuta", "parameters": {"links": {"pendulum": {"mass": entry}}}}


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ({}, "for robot None, this one is 'furuta'"),
        ({"robot": "other"}, "for robot 'other'"),
        ({"robot": "furuta", "fingerprint": "0" * 16}, "has changed since; calibrate again"),
        ({"robot": "furuta", "joint_offset_rad": {"elbow": 0.1}}, "joint 'elbow'; known"),
        (
            {"robot": "furuta", "joint_offset_rad": {"arm": math.nan}},
            r"joint_offset_rad\.arm: expected a number",
        ),
        ({"robot": "furuta", "joint_offset_rad": {"arm": "0.1"}}, r"arm: expected .* got '0\.1'"),
        ({"robot": "furuta", "joint_offset_rad": [0.1]}, "joint_offset_rad: expected a table"),
        (mass(mean=1.1), r"parameters\.links\.pendulum\.mass\.interval: .*the key is missing"),
        (mass(mean=1.1, interval=[1.2, 1.0]), r"mass\.interval: expected \[a, b\] with"),
        (mass(mean=1.3, interval=[1.0, 1.2]), r"mass\.mean: expected a number from 1 to 1\.2"),
        (mass(mean=1.1, interval=[1.0, 1.2], std=1), r"mass\.std: unknown key"),
        ({"robot": "furuta", "parameters": {"links": {"leg": {}}}}, "links.leg: unknown param"),
        ({"robot": "furuta", "parameters": {"initial": {}}}, "initial: unknown parameter"),
    ],
)
def test_foreign_or_broken_ones_are_refused(
    calibration: dict[str, Any], message: str, furuta: RobotSpec
) -> None:
    with pytest.raises(CalibrationError, match=message):
        check_calibration(calibration, furuta)


def test_files_of_both_kinds(furuta: RobotSpec, tmp_path: Path) -> None:
    more = {"date": "2026-02-03", "source": "swings"}
    value = more | {"robot": "furuta", "fingerprint": furuta.fingerprint, "parameters": IDENTIFIED}
    json_file, toml_file = tmp_path / "c.json", tmp_path / "c.toml"
    json_file.write_text(json.dumps(value))
    toml_file.write_text(f"""
        robot = "furuta"
        date = 2026-02-03
        source = "swings"
        fingerprint = "{furuta.fingerprint}"
        [parameters.links.pendulum]
        mass = {{ mean = 1.12, interval = [1.05, 1.19] }}
        [parameters.actuators.motor]
        latency_ms = {{ mean = 40.0, interval = [38.0, 44.0] }}
    """)
    read = [load_calibration(file, furuta) for file in (json_file, toml_file)]
    assert read[0] == read[1] == check_calibration(value, furuta)
    assert read[0].raw == value and read[0].ranges[MASS].mean == 1.12


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("no.json", None, "cannot be read"),
        ("no.toml", None, "no such file"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "{", "a.json: broken JSON: Expecting"),
        ("a.json", "[1]", r"expected a JSON object, got \[1\]"),
        ("a.toml", "= 1", "not valid TOML"),
        ("a.toml", 'robot = "arm"', "is for robot 'arm'"),
        ("a.toml", 'robot = "furuta"\njoint_offset_rad.elbow = 0.1', "names joint 'elbow'"),
        ("a.toml", 'robot = "furuta"\nparameters.links.cart.mass = 1', "unknown parameter"),
    ],
)
def test_unreadable_files_are_named(
    name: str, text: str | None, message: str, furuta: RobotSpec, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(CalibrationError, match=message) as caught:
        load_calibration(tmp_path / name, furuta)
    assert name in str(caught.value)


def test_a_slider_has_its_offset_in_metres() -> None:
    cart_pole = load_robot("cart_pole")
    raw = {
        "robot": "cart_pole",
        "joint_offset_m": {"cart": 0.012},
        "joint_offset_rad": {"pole": -0.02},
    }
    spec = cart_pole.with_calibration(check_calibration(raw, cart_pole))
    assert spec.joint_offset_rad == (0.012, -0.02)
    assert describe_offsets(spec) == "cart 0.012 m, pole -0.02 rad"
    wrong = raw | {"joint_offset_rad": {"cart": 0.012}}
    with pytest.raises(CalibrationError, match=r"names joint 'cart'; known in rad: \['pole'\]"):
        check_calibration(wrong, cart_pole)
