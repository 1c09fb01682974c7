"""The vocabulary of what may differ between robots."""

from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters.read_values import read_values
from robot_mbrl.contract.parameters.variation import Variation, sample_parameters
from robot_mbrl.contract.toml_table import Table
from tests.support.robots import furuta_toml, write_robot


def test_samples_stay_within_their_ranges_and_fill_them(furuta: RobotSpec) -> None:
    drawn = sample_parameters(furuta.randomization, furuta.nominal, np.random.default_rng(3), 4000)
    assert drawn.keys() == furuta.nominal.keys()
    for path, values in drawn.items():
        assert values.shape == (4000,)
        variation = furuta.randomization[path]
        width = variation.high - variation.low
        assert variation.low <= values.min() < variation.low + 0.01 * width
        assert variation.high >= values.max() > variation.high - 0.01 * width


def test_without_a_variation_values_are_nominal(furuta: RobotSpec) -> None:
    only = {"links.arm.mass": Variation(0.8, 1.2)}
    drawn = sample_parameters(only, furuta.nominal, np.random.default_rng(3), 5)
    assert np.ptp(drawn.pop("links.arm.mass")) > 0
    for path, values in drawn.items():
        np.testing.assert_array_equal(values, np.full(5, furuta.nominal[path]))


def test_same_generator_same_parameters(furuta: RobotSpec) -> None:
    a, b, c = (
        sample_parameters(furuta.randomization, furuta.nominal, np.random.default_rng(s), 3)
        for s in (1, 1, 2)
    )
    for path in a:
        np.testing.assert_array_equal(a[path], b[path])
        assert (a[path] != c[path]).all()


def test_log_scale_in_the_file_is_log_uniform_in_the_spec(furuta: RobotSpec) -> None:
    assert furuta.randomization["joints.arm.damping"] == Variation(0.316, 3.16, "log-uniform")
    assert furuta.randomization["links.arm.mass"] == Variation(0.8, 1.2)
    assert furuta.randomization["sensors.latency_ms"] == Variation(0.0, 10.0, operation="set")


def test_every_parameter_of_the_vocabulary_can_be_randomized(furuta: RobotSpec) -> None:
    assert set(furuta.randomization) == set(furuta.nominal)


def test_nominal_absolute_values_are_the_robots_own(tmp_path: Path) -> None:
    toml = furuta_toml()
    toml["actuator"][0]["latency_ms"] = 17.0
    toml["sensor"] = {"latency_ms": 3.0, "noise_counts": 0.7}
    nominal = load_robot(write_robot(tmp_path, toml)).nominal
    assert nominal["actuators.motor.latency_ms"] == 17.0
    assert nominal["sensors.latency_ms"] == 3.0
    assert nominal["sensors.noise_counts"] == 0.7
    assert nominal["links.pendulum.length"] == 1.0


def test_single_values_use_the_same_vocabulary(furuta: RobotSpec) -> None:
    given = {"links": {"pendulum": {"mass": 1.5}}, "sensors": {"latency_ms": 4.0}}
    assert read_values(Table(given, "reality.toml"), furuta.nominal) == {
        "links.pendulum.mass": 1.5,
        "sensors.latency_ms": 4.0,
    }
    with pytest.raises(
        SpecError, match=r"links\.pendulum\.mass: expected a number from 0.01 to 100"
    ):
        read_values(Table({"links": {"pendulum": {"mass": 0.0}}}, "reality.toml"), furuta.nominal)
    with pytest.raises(SpecError, match=r"links\.pendulum\.colour: unknown parameter"):
        read_values(Table({"links": {"pendulum": {"colour": 1}}}, "reality.toml"), furuta.nominal)


def test_a_drive_with_its_own_current_loop_has_no_resistance_to_vary() -> None:
    paths = [p for p in load_robot("simple_pendulum").nominal if p.startswith("actuators.")]
    assert [p.rsplit(".", 1)[-1] for p in paths] == ["torque_constant", "supply", "latency_ms"]
