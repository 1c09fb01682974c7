"""Numbers by the paths of the vocabulary."""

import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.contract.parameters.read_values import read_values


def test_single_values_use_the_same_vocabulary(furuta: RobotSpec) -> None:
    given = {"links": {"pendulum": {"mass": 1.5}}, "sensors": {"latency_ms": 4.0}}
    assert read_values(TomlTable(given, "reality.toml"), furuta.nominal) == {
        "links.pendulum.mass": 1.5,
        "sensors.latency_ms": 4.0,
    }
    with pytest.raises(
        SpecError, match=r"links\.pendulum\.mass: expected a number from 0.01 to 100"
    ):
        read_values(
            TomlTable({"links": {"pendulum": {"mass": 0.0}}}, "reality.toml"), furuta.nominal
        )
    with pytest.raises(SpecError, match=r"links\.pendulum\.colour: unknown parameter"):
        read_values(
            TomlTable({"links": {"pendulum": {"colour": 1}}}, "reality.toml"), furuta.nominal
        )
