"""A block on a rail in each engine: closed forms, and the laws of a wheel with m for rad."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters.effects import SLIDE_EFFECTS
from robot_mbrl.contract.parameters.slide_words import slide_word
from sim import make_env, make_vec_env
from sim.worlds import Worlds, make_worlds
from tests.support.engines import each_engine, parameters
from tests.support.robots import one_joint, write_robot
from tests.support.sliders import MASS_KG, block_urdf, one_slider, slider_toml

REFLECTED_KG = 1e-5 * 100.0**2
MOVED_KG = MASS_KG + 0.1  # what a motor adds is 0.1 kg in all of them
WHEEL = f"""<mass value="0.1"/>
<inertia ixx="{MOVED_KG}" iyy="{MOVED_KG}" izz="{MOVED_KG}" ixy="0" ixz="0" iyz="0"/>"""


def start(spec: RobotSpec, backend: str, **given: Any) -> Worlds:
    worlds = make_worlds(spec, 1, backend=backend, threads=1)
    worlds.reset(parameters(spec, 1, **given), np.arange(1))
    return worlds


def run(worlds: Worlds, action: float, steps: int) -> tuple[float, float]:
    """Place and speed after so many steps of 1 ms."""
    worlds.step(np.full((1, 1), action), steps)
    (place,), (speed,) = (x[0] for x in worlds.true_state())
    return float(place), float(speed)


@each_engine
@pytest.mark.parametrize(
    ("command", "force"),
    [("force", 5.0), ("current", 2.0 * 0.02 * 100.0)],
    ids=["force", "current"],
)
def test_a_constant_force_moves_block_and_motor(
    command: str, force: float, backend: str, tmp_path: Path
) -> None:
    assert pytest.approx(MOVED_KG - MASS_KG) == REFLECTED_KG
    place, speed = run(start(one_slider(tmp_path, command), backend), 0.5, 200)
    assert speed == pytest.approx(0.5 * force / MOVED_KG * 0.2, rel=1e-6)
    assert place == pytest.approx(0.25 * force / MOVED_KG * 0.04, rel=0.01)


@each_engine
def test_a_block_falls_along_a_slope(backend: str, tmp_path: Path) -> None:
    """Along an axis at 30 degrees its weight pulls by half; the motor's mass does not fall."""
    spec = one_slider(tmp_path, axis=f"{math.sqrt(3) / 2} 0 0.5")
    _, speed = run(start(spec, backend), 0.0, 100)
    assert speed == pytest.approx(-MASS_KG * 9.81 * 0.5 / MOVED_KG * 0.1, rel=1e-5)


@each_engine
def test_back_emf_ends_the_run_of_a_motor_on_a_rack(backend: str, tmp_path: Path) -> None:
    """Without friction at V / (k gear), with the time constant m R / (k gear)^2."""
    spec = one_slider(tmp_path, "voltage")
    worlds, emf = start(spec, backend), 0.02 * 100.0
    constant = MOVED_KG * 2.0 / emf**2
    _, speed = run(worlds, 0.5, round(1000 * constant))
    assert speed == pytest.approx(3.0 / emf * (1 - math.exp(-1)), rel=0.005)
    assert run(worlds, 0.5, 2000)[1] == pytest.approx(3.0 / emf, rel=1e-3)


@each_engine
def test_servos_hold_a_place_and_a_speed_within_their_force(backend: str, tmp_path: Path) -> None:
    place, speed = run(start(one_slider(tmp_path / "a", "position"), backend), 0.75, 1500)
    assert (place, speed) == pytest.approx((0.3, 0.0), abs=1e-4)
    _, speed = run(start(one_slider(tmp_path / "b", "velocity"), backend), 0.4, 1000)
    assert speed == pytest.approx(0.2, abs=1e-4)
    toml = slider_toml("position")
    toml["actuator"][0]["servo"]["force_limit_n"] = 3.0
    weak = load_robot(write_robot(tmp_path / "c", toml, block_urdf()))
    assert run(start(weak, backend), 1.0, 20)[1] == pytest.approx(3.0 / MOVED_KG * 0.02, rel=1e-3)


EFFECTS: list[dict[str, float]] = [
    {"static_friction_nm": 1.5, "stribeck_velocity_rad_s": 0.3},
    {"cable_nm_rad": 30.0, "cable_rest_rad": 0.2},
    {"cogging_nm": 2.0, "cogging_periods_per_rev": 12, "cogging_phase_rad": 0.4},
]


@each_engine
@pytest.mark.parametrize("effects", [{}, *EFFECTS], ids=lambda e: next(iter(e), "none"))
def test_a_block_moves_as_a_wheel_of_as_much_inertia(
    effects: dict[str, float], backend: str, tmp_path: Path
) -> None:
    """Damping, dry friction and every law of a joint: the same numbers with m for rad."""
    edit: dict[str, Any] = {"effects": {"joints": {"pendulum": effects}}}
    rubs = {"damping": 0.4, "friction": 0.3}
    wheel = one_joint(tmp_path / "wheel", inertia=WHEEL, command="torque", edit=edit, **rubs)
    sliding = {slide_word(key): value for key, value in effects.items()}
    if "cogging_periods_per_m" in sliding:
        sliding["cogging_periods_per_m"] /= 2 * math.pi
    edit = {"effects": {"joints": {"block": sliding}}}
    block = one_slider(tmp_path / "block", edit=edit, **rubs)
    worlds = start(wheel, backend), start(block, backend)
    for action in (0.8, -0.6, 0.3, 0.0):
        (angle, turning), (place, speed) = (run(w, action, 150) for w in worlds)
        assert (place, speed) == pytest.approx((angle, turning), rel=1e-4, abs=1e-5)
    assert abs(place) > 0.01


def cart(folder: Path, effects: dict[str, Any], **more: Any) -> RobotSpec:
    """The block, but for these effects, seen through its encoder."""
    edit = {"effects": {"joints": {"block": effects}}} if effects else {}
    return one_slider(folder, edit=edit | more)


def seen(spec: RobotSpec) -> np.ndarray:
    """Places (T, B) that two worlds measure under changing forces."""
    env = make_vec_env(spec, 2, threads=1)
    env.reset(seed=3)
    force = np.random.default_rng(0).uniform(-1, 1, 24)
    places = [env.step(np.full((2, 1), f))[0][:, 0] for f in np.repeat(force, 2)]
    env.close()
    return np.array(places)


STUCK, PUSHED = {"freezes_per_s": 20.0}, {"pushes_per_s": 20.0, "push_n_s": 0.5}
CASES: dict[str, dict[str, float]] = {
    "static_friction_n": {"static_friction_n": 1.0},
    "stribeck_velocity_m_s": {"static_friction_n": 1.0, "stribeck_velocity_m_s": 1.0},
    "cogging_n": {"cogging_n": 3.0},
    "cogging_periods_per_m": {"cogging_n": 3.0, "cogging_periods_per_m": 7.0},
    "cogging_phase_rad": {"cogging_n": 3.0, "cogging_phase_rad": 1.5},
    "cable_n_m": {"cable_n_m": 30.0},
    "cable_rest_m": {"cable_n_m": 30.0, "cable_rest_m": 0.1},
    "backlash_m": {"backlash_m": 0.01},
    "encoder_offset_m": {"encoder_offset_m": 0.1},
    "freezes_per_s": STUCK,
    "freeze_s": STUCK | {"freeze_s": 0.5},
    "pushes_per_s": PUSHED,
    "push_n_s": PUSHED | {"push_n_s": 1.0},
}


def test_every_effect_of_a_slider_has_its_case() -> None:
    assert set(CASES) == set(SLIDE_EFFECTS)


@pytest.mark.parametrize("key", CASES)
def test_every_effect_of_a_slider_changes_what_is_seen(key: str, tmp_path: Path) -> None:
    without = {k: v for k, v in CASES[key].items() if k != key}
    changed = seen(cart(tmp_path / "with", CASES[key]))
    assert np.abs(changed - seen(cart(tmp_path / "without", without))).max() > 1e-3


def test_a_slider_is_randomized_in_its_own_unit(tmp_path: Path) -> None:
    varied = {
        "joints": {"block": {"cable_n_m": {"range": [0.0, 40.0]}}},
        "initial": {"block": {"position_m": {"range": [-0.2, 0.3]}}},
    }
    env = make_vec_env(cart(tmp_path, {}, randomization=varied), 64, threads=1)
    obs, info = env.reset(seed=0)
    drawn = info["parameters"]["initial.block.position_m"]
    assert -0.2 <= drawn.min() < -0.15 < 0.25 < drawn.max() <= 0.3
    np.testing.assert_allclose(obs[:, 0], drawn, atol=1e-6)
    assert np.ptp(info["parameters"]["joints.block.cable_n_m"]) > 30
    wrong = {"initial": {"block": {"position_rad": {"range": [-0.2, 0.3]}}}}
    with pytest.raises(SpecError, match=r"position_rad: unknown parameter.*position_m, velocity_m"):
        cart(tmp_path, {}, randomization=wrong)


def test_an_encoder_counts_so_many_a_metre(tmp_path: Path) -> None:
    toml = slider_toml()
    toml["joint"][0]["encoder_counts_per_m"] = 1000
    toml["randomization"] = {"initial": {"block": {"position_m": {"range": [0.1234, 0.1234]}}}}
    env = make_env(load_robot(write_robot(tmp_path, toml, block_urdf())))
    obs, _ = env.reset(seed=0)
    assert obs[0] == pytest.approx(0.123, abs=1e-6)
    env.close()


@each_engine
def test_a_robot_with_both_kinds_keeps_them_apart(backend: str) -> None:
    """The cart runs into its stop at 0.407 m; the pole turns as far as it likes."""
    worlds = start(load_robot("cart_pole"), backend)
    worlds.step(np.ones((1, 1)), 300)
    (place, _angle), _ = (x[0] for x in worlds.true_state())
    assert 0.39 < place < 0.43
    worlds.set_true_state(np.array([[0.0, 20.0]]), np.zeros((1, 2)), np.array([0]))
    assert worlds.true_state()[0][0, 1] == 20.0
