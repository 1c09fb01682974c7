"""[randomization] of robot.toml: what its keys mean, and what is wrong with them is named."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import check_calibration
from robot_mbrl.contract.description.read_randomization import OPERATION_OF, read_randomization
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.contract.parameters.variation import Distribution, Variation, When
from tests.support.robots import furuta_toml, write_robot

MASS_KG, OHM = 0.024, 8.4


def put(table: dict[str, Any], path: str, value: Any) -> None:
    *head, last = path.split(".")
    for key in head:
        table = table.setdefault(key, {})
    table[last] = value


def robot(folder: Path, entries: dict[str, dict[str, Any]]) -> RobotSpec:
    """The furuta with this [randomization] only."""
    toml = furuta_toml()
    toml["randomization"] = {}
    for path, entry in entries.items():
        put(toml["randomization"], path, entry)
    return load_robot(write_robot(folder, toml))


def read(folder: Path, path: str, **entry: Any) -> Variation:
    return robot(folder, {path: entry}).randomization[path]


PENDULUM, LATENCY = "links.pendulum.mass", "actuators.motor.latency_ms"
OPERATIONS = {
    "scale": (PENDULUM, {"scale": [0.8, 1.2]}, (0.8, 1.2)),
    "add kg": (PENDULUM, {"add": [-0.006, 0.012]}, (0.75, 1.5)),
    "set kg": (PENDULUM, {"set": [0.018, 0.03]}, (0.75, 1.25)),
    "set ohm": ("actuators.motor.resistance", {"set": [4.2, OHM]}, (0.5, 1.0)),
    "set N m": ("joints.arm.friction", {"set": [1.5e-4, 6e-4]}, (0.5, 2.0)),
    "add V": ("actuators.motor.supply", {"add": [-1.0, 0.0]}, (0.8, 1.0)),
    "range ms": (LATENCY, {"range": [5, 30]}, (5.0, 30.0)),
    "set ms": (LATENCY, {"set": [5, 30]}, (5.0, 30.0)),
    "add ms": (LATENCY, {"add": [-2, 8]}, (10.0, 20.0)),
    "scale ms": (LATENCY, {"scale": [0.5, 2]}, (6.0, 24.0)),
    "add rad": ("initial.arm.position_rad", {"add": [-0.1, 0.2]}, (-0.1, 0.2)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_acts_on_the_robots_own_value(name: str, tmp_path: Path) -> None:
    path, entry, (low, high) = OPERATIONS[name]
    variation = read(tmp_path, path, **entry)
    assert (variation.low, variation.high) == pytest.approx((low, high))
    assert variation.operation == ("set" if name == "range ms" else name.split()[0])
    assert (variation.distribution, variation.when) == ("uniform", "reset")


def test_a_normal_distribution_in_each_operation(tmp_path: Path) -> None:
    for entry, mean, std in (
        ({"scale": [0.8, 1.3], "mean": 1.1, "std": 0.1}, 1.1, 0.1),
        ({"scale": [0.8, 1.3], "std": 0.1}, 1.0, 0.1),
        ({"add": [-0.006, 0.006], "mean": 0.0024, "std": 0.0012}, 1.1, 0.05),
        ({"set": [0.02, 0.03], "mean": 0.0264, "std": 0.0024}, 1.1, 0.1),
        ({"set": [0.02, 0.03], "std": 0.0024}, 1.0, 0.1),
    ):
        found = read(tmp_path, PENDULUM, distribution="normal", **entry)
        assert (found.mean, found.std) == pytest.approx((mean, std))
        assert found.distribution == "normal"


def test_log_uniform_in_both_spellings(tmp_path: Path) -> None:
    short = read(tmp_path, PENDULUM, log_scale=[0.5, 2])
    assert short == read(tmp_path, PENDULUM, scale=[0.5, 2], distribution="log-uniform")
    assert short.distribution == "log-uniform"
    kg = read(tmp_path, PENDULUM, set=[0.012, 0.048], distribution="log-uniform")
    assert (kg.low, kg.high) == pytest.approx((0.5, 2.0))


def test_times_and_groups(tmp_path: Path) -> None:
    supply = "actuators.motor.supply"
    once = read(tmp_path, PENDULUM, scale=[0.8, 1.2], when="build")
    assert (once.when, once.every_s) == ("build", None)
    often = read(tmp_path, supply, scale=[0.8, 1.2], when="interval", every_s=2)
    assert often.every_s == (2.0, 2.0)
    varying = read(tmp_path, supply, scale=[0.8, 1.2], when="interval", every_s=[0.5, 3])
    assert varying.every_s == (0.5, 3.0)
    spec = robot(
        tmp_path,
        {
            "links.arm.mass": {"scale": [0.8, 1.2], "group": "print"},
            PENDULUM: {"scale": [0.8, 1.2], "group": "print", "correlation": -0.5},
        },
    )
    found = spec.randomization
    assert (found["links.arm.mass"].group, found["links.arm.mass"].correlation) == ("print", 1.0)
    assert found[PENDULUM].correlation == -0.5


NORMAL = {"scale": [0.8, 1.2], "distribution": "normal", "std": 0.1}
WRONG = [
    (PENDULUM, {}, r"expected \{ scale = \[a, b\] \} or \{ log_scale = .* or \{ set"),
    (PENDULUM, {"multiply": [1, 2]}, r"pendulum\.mass: expected \{ scale = \[a, b\]"),
    (PENDULUM, {"scale": [1, 2], "add": [0, 1]}, r"pendulum\.mass: expected \{ scale"),
    (LATENCY, {}, r"latency_ms: expected \{ range = \[a, b\] \} or \{ add"),
    (PENDULUM, {"scale": [1.2, 0.8]}, r"mass\.scale: expected \[a, b\] with 0.01 <= a <= b"),
    (PENDULUM, {"add": [-0.024, 0]}, r"mass\.add: expected .* -0\.02376 <= a <= b <= 2\.376 kg"),
    (PENDULUM, {"set": [0.0, 0.1]}, r"mass\.set: expected .* 0\.00024 <= a <= b <= 2\.4 kg; got"),
    (LATENCY, {"add": [-13, 0]}, r"latency_ms\.add: expected .* -12 <= a <= b <= 88 ms"),
    ("links.pendulum.length", {"add": [0, 0.1]}, r"as a length scales every distance within"),
    (
        "links.pendulum.length",
        {"set": [0, 0.1]},
        r"expected \{ scale .*log_scale = \[a, b\] \}, as",
    ),
    (
        "initial.arm.position_rad",
        {"scale": [0, 2]},
        r"nominal value is 0 rad, which nothing scales",
    ),
    (PENDULUM, {"scale": [1, 2], "distribution": "gauss"}, "one of 'uniform', 'log-uniform', 'nor"),
    (PENDULUM, {"log_scale": [1, 2], "distribution": "normal"}, r"distribution: expected no other"),
    (PENDULUM, {"add": [0, 1], "distribution": "log-uniform"}, r"what is added may be negative"),
    (LATENCY, {"set": [0, 9], "distribution": "log-uniform"}, r"latency_ms\.set: .* with a > 0"),
    (PENDULUM, {"scale": [1, 2], "std": 0.1}, r'std: expected .* with distribution = "normal"'),
    (PENDULUM, NORMAL | {"mean": 1.3}, r"mass\.mean: expected a number from 0\.8 to 1\.2"),
    (PENDULUM, NORMAL | {"scale": [1.1, 1.2]}, r"mass\.mean: expected a number from 1\.1 to 1\.2"),
    (PENDULUM, NORMAL | {"std": -1}, r"mass\.std: expected a number from"),
    (PENDULUM, {"scale": [1, 2], "distribution": "normal"}, r"mass\.std: .*the key is missing"),
    (PENDULUM, {"scale": [1, 2], "when": "daily"}, "one of 'build', 'reset', 'interval', 'step'"),
    (
        PENDULUM,
        {"scale": [1, 2], "when": "step"},
        "'build', 'reset', 'interval', as no mass changes",
    ),
    ("links.arm.length", {"scale": [1, 2], "when": "interval"}, "as no link changes its length"),
    ("initial.arm.position_rad", {"range": [0, 1], "when": "build"}, "expected one of 'reset', as"),
    (PENDULUM, {"scale": [1, 2], "when": "interval"}, r"every_s: .*the key is missing"),
    (PENDULUM, {"scale": [1, 2], "every_s": 1}, r'every_s: .*together with when = "interval"'),
    (LATENCY, {"range": [1, 2], "when": "interval", "every_s": 0.01}, r"every_s: .* from 0\.02 to"),
    (LATENCY, {"range": [1, 2], "when": "interval", "every_s": [2, 1]}, r"every_s: .*a <= b"),
    (PENDULUM, {"scale": [1, 2], "correlation": 0.5}, r"correlation: .*together with group"),
    (PENDULUM, {"scale": [1, 2], "group": "g", "correlation": 0}, "another number than 0"),
    (PENDULUM, {"scale": [1, 2], "group": "g", "correlation": 2}, "a number from -1 to 1; got 2"),
    (PENDULUM, {"scale": [1, 2], "group": "g"}, "group 'g' has one member, links.pendulum.mass"),
    (PENDULUM, {"scale": [1, 2], "wehn": "step"}, r"mass\.wehn: unknown key; did you mean 'when'"),
]


@pytest.mark.parametrize(("path", "entry", "message"), WRONG, ids=[f"{w[0]} {w[1]}" for w in WRONG])
def test_what_is_wrong_is_named(
    path: str, entry: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        robot(tmp_path, {path: entry})
    assert f"{tmp_path / 'robot.toml'}: randomization" in str(caught.value)


def test_members_of_a_group_are_drawn_at_the_same_times(tmp_path: Path) -> None:
    for changed in ({"when": "build"}, {"when": "interval", "every_s": 2}):
        entries = {
            PENDULUM: {"scale": [1, 2], "group": "g", "when": "interval", "every_s": 1},
            "links.arm.mass": {"scale": [1, 2], "group": "g"} | changed,
        }
        with pytest.raises(SpecError, match=r"group 'g': .*the same `when` and `every_s`: links"):
            robot(tmp_path, entries)


def test_what_has_no_nominal_value_cannot_be_set(tmp_path: Path) -> None:
    """A joint that the URDF gives no friction."""
    toml = furuta_toml()
    toml["randomization"] = {"joints": {"pendulum": {"friction": {"set": [0, 1e-5]}}}}
    folder = write_robot(tmp_path, toml)
    urdf = folder / "furuta.urdf"
    urdf.write_text(
        urdf.read_text().replace('damping="3.3e-5" friction="5e-6"', 'damping="3.3e-5"')
    )
    with pytest.raises(SpecError, match=r"friction\.set: .*nominal value is 0 N m, which nothing"):
        load_robot(folder)


def test_the_page_for_people_is_true(furuta: RobotSpec) -> None:
    page = (BUILT_IN / "randomization.md").read_text(encoding="utf-8")
    short, long, calibration = (
        tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    )
    for example in (short, long):
        table = TomlTable(example["randomization"], "page", "randomization")
        assert len(read_randomization(table, furuta)) >= 3
    del calibration["fingerprint"]
    assert check_calibration(calibration, furuta).ranges[LATENCY].mean == 18.0
    for word in (*OPERATION_OF, *get_args(Distribution), *get_args(When)):
        assert re.search(rf"[`\"]{word}[`\"]|^\w+ = {{ {word} =", page, re.MULTILINE), word


def test_log_scale_in_the_file_is_log_uniform_in_the_spec(furuta: RobotSpec) -> None:
    assert furuta.randomization["joints.arm.damping"] == Variation(0.316, 3.16, "log-uniform")
    assert furuta.randomization["links.arm.mass"] == Variation(0.8, 1.2)
    assert furuta.randomization["sensors.latency_ms"] == Variation(0.0, 10.0, operation="set")


def test_every_parameter_of_the_vocabulary_can_be_randomized(furuta: RobotSpec) -> None:
    assert set(furuta.randomization) == set(furuta.nominal)
