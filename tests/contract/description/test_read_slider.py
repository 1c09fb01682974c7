"""A robot with a joint that slides: its keys are in m and N, and rad is refused there."""

import math
from pathlib import Path
from typing import Any

import pytest

from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.contract.description.quantities import nominal_quantities
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.tasks import make_task
from tests.support.robots import put, write_robot
from tests.support.sliders import MOTORS, block_urdf, slider_toml


def test_the_cart_slides_and_its_pole_turns() -> None:
    spec = load_robot("cart_pole")
    cart, pole = spec.joints
    assert (cart.kind, cart.unit, pole.kind, pole.unit) == ("slide", "m", "hinge", "rad")
    assert cart.rad_per_count == pytest.approx(22.75e-6, rel=1e-4)
    assert pole.rad_per_count == pytest.approx(2 * math.pi / 4096)
    assert (spec.safety.margin(cart), spec.safety.margin(pole)) == (0.03, 0.0)
    assert spec.home.gains(cart) == (25.0, 2.0)
    assert spec.home.tolerances(pole) == (0.1, 0.3)
    assert ObservationLayout.from_spec(spec).units == ("m", "rad")
    assert spec.nominal["initial.cart.position_m"] == 0.0
    assert "joints.cart.backlash_m" in spec.possible_effects
    assert "joints.cart.backlash_rad" not in spec.possible_effects
    assert "joints.pole.backlash_rad" in spec.possible_effects


@pytest.mark.parametrize(
    ("command", "unit"),
    [("force", "N"), ("current", "A"), ("voltage", "V"), ("position", "m"), ("velocity", "m_s")],
)
def test_a_motor_of_a_slider_is_commanded_in(command: str, unit: str, tmp_path: Path) -> None:
    assert set(MOTORS) == {"force", "current", "voltage", "position", "velocity"}
    spec = load_robot(write_robot(tmp_path, slider_toml(command), block_urdf()))
    [motor] = spec.actuators
    assert motor.unit == unit
    assert motor.motor.rotor_inertia_kg_m2 * motor.motor.gear_ratio**2 == pytest.approx(0.1)
    units = {path: quantity.unit for path, quantity in nominal_quantities(spec).items()}
    assert units["joints.block.damping"] == "N s/m"
    assert units["joints.block.friction"] == "N"
    assert units["initial.block.velocity_m_s"] == "m/s"
    assert units["actuators.motor.latency_ms"] == "ms"
    assert units.get("actuators.motor.torque_limit", "N") == "N"


BROKEN = [
    ("joint.0.encoder_counts_per_m", ..., r"joint\[0\]\.encoder_counts_per_m: .*missing"),
    ("joint.0.encoder_counts_per_rev", 4096, r"joint\[0\]\.encoder_counts_per_rev: unknown key"),
    ("joint.0.position_limit_m", [1.0, -1.0], r"position_limit_m: expected \[a, b\] .* m;"),
    ("joint.0.position_limit_m", [-6.0, 5.0], r"_m = \[-6, 5\] goes beyond -5 to 5 m"),
    ("joint.0.position_limit_rad", [-1.0, 1.0], r"position_limit_rad: unknown key"),
    ("joint.0.home_m", 9.0, r"home_m: expected a place within position_limit_m, -5 to 5 m"),
    ("joint.0.wraps", True, r"wraps: expected false, as a joint that slides"),
    ("actuator.0.command", "torque", r"command: expected one of .*'force'"),
    ("actuator.0.limit_N", ..., r"limit_N: expected a number from 1e-06 to 1e\+06 N"),
    ("actuator.0.direct.rotor_inertia_kg_m2", 1.0, r"rotor_inertia_kg_m2: unknown key"),
    ("safety.soft_limit_margin_m", ..., r"safety\.soft_limit_margin_m: .* m; the key is missing"),
    ("safety.soft_limit_margin_rad", 0.1, r"safety\.soft_limit_margin_rad: unknown key"),
    ("home.slide_position_gain", ..., r"home\.slide_position_gain: .*command unit / m; the key"),
    ("home.position_tolerance_rad", 0.1, r"home\.position_tolerance_rad: unknown key"),
    ("task.parameters.target_m.leg", 0.1, r"target_m: no joint 'leg'"),
    ("task.parameters.tolerance_m", 0.0, r"tolerance_m: expected more than 0 m"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), BROKEN, ids=[b[0] for b in BROKEN])
def test_what_does_not_fit_a_slider_is_named(
    path: str, value: Any, message: str, tmp_path: Path
) -> None:
    toml = put(slider_toml(), path, value)
    with pytest.raises(SpecError, match=message):
        spec = load_robot(write_robot(tmp_path, toml, block_urdf()))
        make_task(spec)


def test_a_hinge_has_no_metres(tmp_path: Path) -> None:
    folder = write_robot(tmp_path, slider_toml(), block_urdf())
    text = (folder / "block.urdf").read_text().replace("prismatic", "revolute")
    (folder / "block.urdf").write_text(text)
    with pytest.raises(SpecError, match=r"encoder_counts_per_rev: .*missing|wraps"):
        load_robot(folder)


def test_what_a_slider_is_belongs_to_its_fingerprint(tmp_path: Path) -> None:
    """As does the unit of its motor; and what controllers of the cart rely on stays as it is."""
    force = load_robot(write_robot(tmp_path / "a", slider_toml("force"), block_urdf()))
    position = load_robot(write_robot(tmp_path / "b", slider_toml("position"), block_urdf()))
    assert force.fingerprint != position.fingerprint
    assert load_robot("cart_pole").fingerprint == load_robot(BUILT_IN / "cart_pole").fingerprint


def test_a_position_command_moves_at_a_careful_speed_by_default(tmp_path: Path) -> None:
    toml = slider_toml("position")
    spec = load_robot(write_robot(tmp_path / "a", toml, block_urdf()))
    assert spec.command_speeds_rad_s == (0.25,)
    toml["actuator"][0]["command_speed_m_s"] = 0.1
    assert load_robot(write_robot(tmp_path / "b", toml, block_urdf())).command_speeds_rad_s == (
        0.1,
    )
