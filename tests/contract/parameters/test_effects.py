"""[effects] of robot.toml: its words, their ranges; all are off where nobody names them."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters.effects import (
    EFFECTS,
    JOINT_EFFECTS,
    SLIDE_EFFECTS,
    effect_of,
    effect_value,
    effect_values,
    names_any,
)
from robot_mbrl.contract.parameters.slide_words import SLIDE_WORDS, slide_word
from robot_mbrl.contract.parameters.variation import sample_parameters
from tests.support.robots import furuta_toml, write_robot


def robot(folder: Path, effects: dict[str, Any], **changes: Any) -> RobotSpec:
    toml = furuta_toml() | {"effects": effects} | changes
    return load_robot(write_robot(folder, toml))


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "arm", "cart_pole"])
def test_built_in_robots_name_none(name: str) -> None:
    spec = load_robot(name)
    assert spec.effects == {}
    assert not set(spec.nominal) & set(spec.possible_effects)


def test_what_is_named_is_a_parameter_with_that_nominal_value(tmp_path: Path) -> None:
    effects = {"joints": {"arm": {"cogging_nm": 3e-4}}, "sensors": {"lost_share": 0.01}}
    spec = robot(tmp_path, effects)
    assert spec.effects == {"joints.arm.cogging_nm": 3e-4, "sensors.lost_share": 0.01}
    plain = load_robot("furuta")
    assert spec.nominal == plain.nominal | spec.effects
    assert spec.fingerprint == plain.fingerprint, "no concern of a controller"


def test_what_is_only_randomized_is_neutral_and_drawn(tmp_path: Path) -> None:
    varied = {"gravity": {"tilt_rad": {"range": [0.1, 0.2]}}}
    spec = robot(tmp_path, {}, randomization=varied)
    assert spec.nominal["gravity.tilt_rad"] == 0.0
    rng = np.random.default_rng(0)
    drawn = sample_parameters(spec.randomization, spec.nominal, rng, 500)["gravity.tilt_rad"]
    assert 0.1 <= drawn.min() < 0.11
    assert 0.19 < drawn.max() <= 0.2


def test_every_effect_is_neutral_by_default_and_within_its_range() -> None:
    off = ("stribeck_velocity_rad_s", "cogging_periods_per_rev", "freeze_s", "heating_s")
    off = (*off, *map(slide_word, off))
    for group in EFFECTS.values():
        for key, effect in group.items():
            assert math.isnan(effect.neutral) or effect.low <= effect.neutral <= effect.high
            companion = key in (*off, "derating_per_k", "payload_distance_m")
            assert companion or effect.neutral == 0.0


def test_values_come_from_parameters_or_are_neutral() -> None:
    path = "joints.arm.backlash_rad"
    assert effect_value({}, path) == 0.0
    assert effect_value({path: 0.1}, path) == 0.1
    np.testing.assert_array_equal(effect_values({}, "joints.a.freeze_s", 3), [0.1] * 3)
    given = np.array([1.0, 2.0])
    assert effect_values({path: given}, path, 2) is given
    assert names_any({path: 0.0}, "joints", ("backlash_rad", "cogging_nm"))
    assert not names_any({path: 0.0}, "links", ("backlash_rad",))
    assert effect_of("joints.arm.damping") is None
    with pytest.raises(KeyError, match="no effect"):
        effect_value({}, "joints.arm.damping")


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ({"joints": {"leg": {}}}, r"effects.joints.leg: unknown parameter.*arm, pendulum"),
        ({"joints": {"arm": {"stick": 1}}}, r"joints.arm.stick: unknown.*static_friction_nm"),
        ({"joints": {"arm": {"cable_nm_rad": -1.0}}}, "cable_nm_rad: .*from 0 to 1000 N m/rad"),
        ({"gravity": {"tilt_rad": "steep"}}, "effects.gravity.tilt_rad: expected a number"),
        ({"joints": {"arm": {"cogging_periods_per_rev": 2.5}}}, "an integer from 1 to 10000"),
        ({"sensors": {"lost_share": 2.0}}, "lost_share: expected a number from 0 to 1;"),
        ({"weather": {}}, "effects.weather: unknown parameter. Known here: actuators, gravity"),
    ],
)
def test_mistakes_are_named(effects: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        robot(tmp_path, effects)


def test_only_a_motor_by_voltage_has_a_source(tmp_path: Path) -> None:
    robot(tmp_path / "a", {"actuators": {"motor": {"source_resistance_ohm": 1.0}}})
    assert not [p for p in load_robot("arm").possible_effects if "source_resistance" in p]


def test_a_range_is_checked_against_what_is_allowed(tmp_path: Path) -> None:
    varied = {"joints": {"arm": {"backlash_rad": {"range": [0.0, 2.0]}}}}
    with pytest.raises(
        SpecError, match=r"backlash_rad.range: expected \[a, b\] with 0 <= a <= b <= 1"
    ):
        robot(tmp_path, {}, randomization=varied)


def test_the_page_names_every_effect_with_its_unit_and_value_by_default() -> None:
    page = (BUILT_IN / "effects.md").read_text(encoding="utf-8")
    for group, effects in EFFECTS.items():
        for key, effect in effects.items():
            neutral = "end of a rod" if math.isnan(effect.neutral) else f"{effect.neutral:g}"
            [row] = [
                line
                for line in page.split(f"## `{group}")[1].split("\n## ")[0].splitlines()
                if line.startswith(f"| `{key}`")
            ]
            assert row.split("|")[2].strip() == neutral


def test_a_slider_has_every_effect_of_a_hinge_in_a_word_of_its_own() -> None:
    initial = {"position_rad", "velocity_rad_s"}
    assert {slide_word(key) for key in JOINT_EFFECTS} == set(SLIDE_EFFECTS)
    assert set(SLIDE_WORDS) - initial == {k for k in JOINT_EFFECTS if slide_word(k) != k}
    in_rad = {k for k in JOINT_EFFECTS if re.search("_(rad|nm|rev)(_|$)", k)}
    assert in_rad - set(SLIDE_WORDS) == {"cogging_phase_rad"}  # a phase is one of both
    assert names_any({"joints.cart.backlash_m": 0.0}, "joints", ("backlash_rad",))


def test_inductance_is_a_scale_where_there_is_any(tmp_path: Path) -> None:
    toml = furuta_toml()
    toml["actuator"][0]["dc_motor"]["inductance_h"] = 1.16e-3
    spec = load_robot(write_robot(tmp_path, toml))
    assert spec.actuators[0].motor.inductance_h == 1.16e-3
    assert spec.nominal["actuators.motor.inductance"] == 1.0
    assert "actuators.motor.inductance" not in load_robot("furuta").nominal
