"""Each parameter of the vocabulary acts as physics says: one closed form a parameter.

All on one joint, where the forms are exact: a wheel of inertia J or a pendulum of inertia I, two
worlds side by side, nominal and changed. A parameter without an entry in PHYSICS fails.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from sim.worlds import Worlds, make_worlds
from tests.sim.laws.test_servo import KD, KP, MOST, servo
from tests.sim.test_engine_physics import INERTIA, ROTOR, pendulum
from tests.support.engines import each_engine, parameters
from tests.support.robots import one_joint

J, K, R = 1e-4, 0.042, 8.4  # the wheel of `one_joint`, and its motor
TORQUE = 1e-3
FAST = {"rate_hz": 1000, "physics_rate_hz": 1000, "action_history": 1, "observation_history": 0}
DELAYS: dict[str, Any] = {"sensor": {"latency_ms": 15.0, "noise_counts": 0.0}}


def wheel(folder: Path, command: str = "torque", **more: Any) -> RobotSpec:
    """A free wheel behind a motor, controlled and integrated at 1 kHz."""
    return one_joint(folder, command=command, edit={"control": FAST} | more.pop("edit", {}), **more)


def pair(
    spec: RobotSpec, backend: str, path: str, values: tuple[float, float], **more: Any
) -> Worlds:
    """Two worlds that differ in one parameter."""
    worlds = make_worlds(spec, 2, backend=backend, threads=1)
    worlds.reset(parameters(spec, 2, **more) | {path: np.array(values)}, np.arange(2))
    return worlds


def follow(worlds: Worlds, seconds: float, command: float = 0.0, step_ms: int = 5) -> np.ndarray:
    """Angles and velocities every `step_ms` under a command in physical units, (2, T, 2)."""
    action, path = command / worlds.spec.actuators[0].limit, []
    for _ in range(round(1000 * seconds / step_ms)):
        worlds.step(np.full((2, 1), action), step_ms)
        path.append([x[:, 0] for x in worlds.true_state()])
    return np.array(path).transpose(1, 0, 2)


def periods_s(worlds: Worlds, seconds: float) -> np.ndarray:
    """Of the two worlds' swings, (2,)."""
    q = follow(worlds, seconds)[0]
    found = []
    for angle in q.T:
        at = np.flatnonzero((angle[:-1] < 0) & (angle[1:] >= 0))
        crossing = (at - angle[at] / (angle[at + 1] - angle[at])) * 5e-3
        found.append(np.diff(crossing).mean())
    return np.array(found)


def times(ticks: int, step_ms: int = 5) -> np.ndarray:
    return step_ms * 1e-3 * np.arange(1, ticks + 1)


def link_mass(backend: str, folder: Path) -> None:
    """T ~ sqrt((I + rotor) / (m g l)): a heavier pendulum swings faster, as the rotor stays."""
    worlds = pair(pendulum(folder), backend, "links.body.mass", (1.0, 2.0))
    worlds.set_true_state(np.full((2, 1), 0.05), np.zeros((2, 1)), np.arange(2))
    nominal, heavy = periods_s(worlds, 1.6)
    expected = math.sqrt((2 * INERTIA + ROTOR) / (2 * (INERTIA + ROTOR)))
    assert expected < 0.99
    assert heavy / nominal == pytest.approx(expected, rel=1e-3)
    worlds = pair(wheel(folder), backend, "links.body.mass", (1.0, 2.0))
    v = follow(worlds, 0.1, TORQUE)[1]  # a = tau / J
    np.testing.assert_allclose(v[:, 1], TORQUE / (2 * J) * times(20), rtol=1e-6)


def link_length(backend: str, folder: Path) -> None:
    """I ~ l^2, lever ~ l: T ~ sqrt((I + rotor) / (m g l))."""
    worlds = pair(pendulum(folder), backend, "links.body.length", (1.0, 1.5))
    worlds.set_true_state(np.full((2, 1), 0.05), np.zeros((2, 1)), np.arange(2))
    nominal, long = periods_s(worlds, 2.0)
    expected = math.sqrt((1.5**2 * INERTIA + ROTOR) / (1.5 * (INERTIA + ROTOR)))
    assert long / nominal == pytest.approx(expected, rel=1e-3)


def joint_damping(backend: str, folder: Path) -> None:
    """v = v0 exp(-D t / J)."""
    spec = wheel(folder, damping=3e-4)
    worlds = pair(spec, backend, "joints.pendulum.damping", (1.0, 2.0))
    worlds.set_true_state(np.zeros((2, 1)), np.full((2, 1), 8.0), np.arange(2))
    v = follow(worlds, 0.5)[1]
    expected = 8.0 * np.exp(-np.array([3e-4, 6e-4]) / J * times(100)[:, None])
    np.testing.assert_allclose(v, expected, atol=0.02)


def joint_friction(backend: str, folder: Path) -> None:
    """v = v0 - F t / J until it sticks."""
    spec = wheel(folder, friction=1e-3)
    worlds = pair(spec, backend, "joints.pendulum.friction", (1.0, 2.0))
    worlds.set_true_state(np.zeros((2, 1)), np.full((2, 1), 8.0), np.arange(2))
    v = follow(worlds, 1.0)[1]
    expected = np.maximum(8.0 - np.array([1e-3, 2e-3]) / J * times(200)[:, None], 0)
    np.testing.assert_allclose(v, expected, atol=0.1)


def spin_up(volts: float, constant: Any, resistance: Any, t: np.ndarray) -> np.ndarray:
    """w = V / k (1 - exp(-k^2 t / (R J))), of a motor with back-EMF."""
    speed: np.ndarray = volts / constant * (1 - np.exp(-(constant**2) / (resistance * J) * t))
    return speed


def resistance(backend: str, folder: Path) -> None:
    worlds = pair(wheel(folder, "voltage"), backend, "actuators.motor.resistance", (1.0, 2.0))
    v = follow(worlds, 1.0, 1.5)[1]
    expected = spin_up(1.5, K, R * np.array([1.0, 2.0]), times(200)[:, None])
    np.testing.assert_allclose(v, expected, atol=0.003 * 1.5 / K)


def torque_constant(backend: str, folder: Path) -> None:
    """Of a voltage it is also the back-EMF's; a current or torque it multiplies."""
    path = "actuators.motor.torque_constant"
    worlds = pair(wheel(folder / "v", "voltage"), backend, path, (1.0, 2.0))
    v = follow(worlds, 1.0, 1.5)[1]
    expected = spin_up(1.5, K * np.array([1.0, 2.0]), R, times(200)[:, None])
    np.testing.assert_allclose(v, expected, atol=0.005 * 1.5 / K)
    for command, torque in (("current", TORQUE * K), ("torque", TORQUE)):
        worlds = pair(wheel(folder / command, command), backend, path, (1.0, 1.5))
        v = follow(worlds, 0.1, TORQUE)[1]
        np.testing.assert_allclose(v[-1], torque / J * 0.1 * np.array([1.0, 1.5]), rtol=1e-6)


def supply(backend: str, folder: Path) -> None:
    worlds = pair(wheel(folder, "voltage"), backend, "actuators.motor.supply", (1.0, 0.6))
    v = follow(worlds, 0.5, 1.5)[1]
    np.testing.assert_allclose(v[:, 1] / v[:, 0], 0.6, rtol=1e-9)


def action_latency(backend: str, folder: Path) -> None:
    """v = a max(0, t - d); a command acts for whole physics steps."""
    worlds = pair(wheel(folder, edit=DELAYS), backend, "actuators.motor.latency_ms", (0.0, 12.0))
    v = follow(worlds, 0.05, TORQUE, step_ms=1)[1]
    expected = TORQUE / J * np.maximum(times(50, 1)[:, None] - [0.0, 0.012], 0)
    np.testing.assert_allclose(v, expected, rtol=1e-6, atol=1e-9)


def sensor_latency(backend: str, folder: Path) -> None:
    """At constant speed w the encoder is w d behind."""
    spec = wheel(folder, edit=DELAYS)
    more = {"initial__pendulum__velocity_rad_s": 2.0}
    worlds = pair(spec, backend, "sensors.latency_ms", (0.0, 12.5), **more)
    follow(worlds, 0.05)
    seen = worlds.measure(np.random.default_rng(0))[:, 0]
    np.testing.assert_allclose(seen, 2.0 * (0.05 - np.array([0.0, 0.0125])), atol=1e-7)


def sensor_noise(backend: str, folder: Path) -> None:
    """Standard deviation sqrt(noise^2 + 1/12) counts: noise before rounding."""
    spec = wheel(folder, counts=512)
    worlds, rng = pair(spec, backend, "sensors.noise_counts", (1.0, 3.0)), np.random.default_rng(0)
    seen = np.array([worlds.measure(rng)[:, 0] for _ in range(3000)])
    counts = seen.std(0) / spec.joints[0].rad_per_count
    np.testing.assert_allclose(counts, np.sqrt(np.array([1.0, 9.0]) + 1 / 12), rtol=0.05)


def initial_position(backend: str, folder: Path) -> None:
    worlds = pair(wheel(folder), backend, "initial.pendulum.position_rad", (0.0, -0.7))
    np.testing.assert_allclose(worlds.true_state()[0][:, 0], [0.0, -0.7])
    np.testing.assert_allclose(follow(worlds, 0.05)[0][-1], [0.0, -0.7], atol=1e-9)


def initial_velocity(backend: str, folder: Path) -> None:
    worlds = pair(wheel(folder), backend, "initial.pendulum.velocity_rad_s", (0.0, -3.0))
    q, v = follow(worlds, 0.05)
    np.testing.assert_allclose(v[-1], [0.0, -3.0], atol=1e-6)
    np.testing.assert_allclose(q[-1], [0.0, -3.0 * 0.05], atol=1e-6)


def servo_stiffness(backend: str, folder: Path) -> None:
    """Without damping it oscillates at sqrt(stiffness / J)."""
    spec = servo(folder, edit={"control": FAST}, damping_nm_s_rad=0.0)
    worlds = pair(spec, backend, "actuators.motor.stiffness", (1.0, 2.0))
    worlds.set_true_state(np.full((2, 1), 0.05), np.zeros((2, 1)), np.arange(2), np.zeros((2, 1)))
    expected = 2 * math.pi * np.sqrt(J / (KP * np.array([1.0, 2.0])))
    np.testing.assert_allclose(periods_s(worlds, 1.0), expected, rtol=0.01)


def servo_damping(backend: str, folder: Path) -> None:
    """v = v0 exp(-damping t / J)."""
    spec = servo(folder, edit={"control": FAST}, stiffness_nm_rad=1e-6)
    worlds = pair(spec, backend, "actuators.motor.damping", (1.0, 0.5))
    worlds.set_true_state(np.zeros((2, 1)), np.full((2, 1), 4.0), np.arange(2), np.zeros((2, 1)))
    v = follow(worlds, 0.2)[1]
    expected = 4.0 * np.exp(-KD * np.array([1.0, 0.5]) / J * times(40)[:, None])
    np.testing.assert_allclose(v, expected, atol=0.03)


def servo_torque_limit(backend: str, folder: Path) -> None:
    """Far from its goal it pushes with the limit, less the back-EMF, whose slope follows: all that
    is left at the no-load speed w0 is nothing. J v' = limit (1 - v / w0)."""
    spec = servo(folder, edit={"control": FAST}, damping_nm_s_rad=0.0, no_load_speed_rad_s=10.0)
    worlds = pair(spec, backend, "actuators.motor.torque_limit", (1.0, 0.5))
    v = follow(worlds, 0.1, command=2.0)[1]
    rate = MOST * np.array([1.0, 0.5]) / (10.0 * J)
    expected = 10.0 * (1 - np.exp(-rate * times(20)[:, None]))
    np.testing.assert_allclose(v, expected, atol=0.1)


PHYSICS: dict[str, Callable[[str, Path], None]] = {
    "links.*.mass": link_mass,
    "links.*.length": link_length,
    "joints.*.damping": joint_damping,
    "joints.*.friction": joint_friction,
    "actuators.*.resistance": resistance,
    "actuators.*.torque_constant": torque_constant,
    "actuators.*.supply": supply,
    "actuators.*.stiffness": servo_stiffness,
    "actuators.*.damping": servo_damping,
    "actuators.*.torque_limit": servo_torque_limit,
    "actuators.*.latency_ms": action_latency,
    "sensors.latency_ms": sensor_latency,
    "sensors.noise_counts": sensor_noise,
    "initial.*.position_rad": initial_position,
    "initial.*.velocity_rad_s": initial_velocity,
}


TESTED_IN: dict[str, tuple[str, str]] = {  # file and test; what needs more than one joint or tick
    "actuators.*.inductance": ("test_motor_law", "test_inductance_delays_the_current"),
    "actuators.*.source_resistance_ohm": ("test_motor_heat", "test_a_weak_source_is_a_resistance"),
    "actuators.*.heating_k": ("test_motor_heat", "test_a_bolted_motor_warms_up_and_weakens"),
    "actuators.*.heating_s": ("test_motor_heat", "test_a_bolted_motor_warms_up_and_weakens"),
    "actuators.*.derating_per_k": ("test_motor_heat", "test_a_bolted_motor_warms_up_and_weakens"),
    "actuators.*.jitter_ms": ("test_disturbances", "test_late_and_lost_commands_act_late_or_never"),
    "actuators.*.lost_share": (
        "test_disturbances",
        "test_late_and_lost_commands_act_late_or_never",
    ),
    "joints.*.static_friction_nm": ("test_joint_law", "test_a_stuck_joint_holds_below_break_away"),
    "joints.*.stribeck_velocity_rad_s": (
        "test_joint_law",
        "test_each_number_of_the_stribeck_curve",
    ),
    "joints.*.cogging_nm": ("test_joint_law", "test_cogging_swings_at_its_frequency"),
    "joints.*.cogging_periods_per_rev": ("test_joint_law", "test_cogging_swings_at_its_frequency"),
    "joints.*.cogging_phase_rad": ("test_joint_law", "test_cogging_swings_at_its_frequency"),
    "joints.*.cable_nm_rad": ("test_joint_law", "test_a_cable_pulls_towards_its_rest"),
    "joints.*.cable_rest_rad": ("test_joint_law", "test_a_cable_pulls_towards_its_rest"),
    "joints.*.backlash_rad": ("test_play", "test_play_and_zero_are_in_what_the_encoder_shows"),
    "joints.*.encoder_offset_rad": (
        "test_play",
        "test_play_and_zero_are_in_what_the_encoder_shows",
    ),
    "joints.*.freezes_per_s": ("test_sensor_faults", "test_an_encoder_sticks_so_often_and_so_long"),
    "joints.*.freeze_s": ("test_sensor_faults", "test_an_encoder_sticks_so_often_and_so_long"),
    "joints.*.pushes_per_s": ("test_disturbances", "test_pushes_are_a_poisson_process"),
    "joints.*.push_nm_s": ("test_disturbances", "test_pushes_are_a_poisson_process"),
    "links.*.pushes_per_s": ("test_disturbances", "test_pushes_are_a_poisson_process"),
    "links.*.push_n_s": ("test_disturbances", "test_pushes_are_a_poisson_process"),
    "links.*.payload_kg": ("test_payload", "test_a_payload_comes_at_its_time"),
    "links.*.payload_at_s": ("test_payload", "test_a_payload_comes_at_its_time"),
    "links.*.payload_distance_m": ("test_payload", "test_a_payload_comes_at_its_time"),
    "sensors.jitter_ms": ("test_disturbances", "test_late_samples_are_older_by_fractions"),
    "sensors.lost_share": ("test_sensor_faults", "test_samples_are_lost_with_their_probability"),
    "sensors.repeated_share": ("test_sensor_faults", "test_repeated_samples_show_what_the_last"),
    "gravity.tilt_rad": ("test_gravity", "test_a_leaning_base_moves_where_things_hang"),
    "gravity.direction_rad": ("test_gravity", "test_a_leaning_base_moves_where_things_hang"),
}


def pattern(path: str) -> str:
    """A path whatever its link, joint or actuator is called."""
    first, *_, last = path.split(".")
    return f"{first}.*.{last}" if path.count(".") > 1 else path


def vocabulary() -> set[str]:
    """Every parameter that any shipped robot has or could have."""
    known = {"actuators.*.inductance"}  # of those that name one
    for name in ("furuta", "simple_pendulum", "arm"):
        spec = load_robot(name)
        known |= {pattern(path) for path in spec.nominal | spec.possible_effects}
    return known


def test_every_parameter_of_the_vocabulary_has_its_physics() -> None:
    assert set(PHYSICS) | set(TESTED_IN) == vocabulary()
    assert not set(PHYSICS) & set(TESTED_IN)


@pytest.mark.parametrize("parameter", TESTED_IN)
def test_what_is_tested_elsewhere_is_tested_there(parameter: str) -> None:
    """A test of that name, in a file that gives this parameter a number."""
    file, test = TESTED_IN[parameter]
    text = next(Path(__file__).parent.rglob(f"{file}.py")).read_text(encoding="utf-8")
    assert f"\ndef {test}" in text
    assert parameter.rsplit(".", 1)[-1] in text


@each_engine
@pytest.mark.parametrize("parameter", PHYSICS)
def test_a_parameter_acts_as_physics_says(parameter: str, backend: str, tmp_path: Path) -> None:
    PHYSICS[parameter](backend, tmp_path)
