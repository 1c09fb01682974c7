"""The plant of the mock against closed forms."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.reality import Change, Payload, Reality, nominal_reality
from sim.plant import MujocoPlant, make_plant

G = 9.81
LENGTH, MASS = 0.129, 0.024  # the pendulum of the furuta description, a uniform rod
INERTIA = MASS * LENGTH**2 / 3  # about its joint; the rod's own thickness adds 0.2 %
K, R, B, J = 0.042, 8.4, 2e-4, 1e-4  # the flywheel below
FRICTION = 1e-3

ON = np.array([True])

FLYWHEEL_URDF = f"""<robot name="flywheel"><link name="base"/><link name="wheel">
<inertial><mass value="0.1"/>
<inertia ixx="{J}" iyy="{J}" izz="{J}" ixy="0" ixz="0" iyz="0"/></inertial></link>
<joint name="axle" type="continuous"><parent link="base"/><child link="wheel"/><axis xyz="0 0 1"/>
<dynamics damping="{B}" friction="{FRICTION}"/></joint></robot>"""


@pytest.fixture(scope="module")
def flywheel(tmp_path_factory: pytest.TempPathFactory) -> RobotSpec:
    """A motor that turns a wheel, nothing else: furuta's robot.toml cut down to one joint."""
    folder = tmp_path_factory.mktemp("flywheel")
    furuta = load_robot("furuta")
    (folder / "flywheel.urdf").write_text(FLYWHEEL_URDF, encoding="utf-8")
    axle = replace(furuta.joints[0], name="axle", wraps=True)
    (motor,) = furuta.actuators
    model = replace(motor.motor, rotor_inertia_kg_m2=0.0)
    return replace(
        furuta,
        urdf=folder / "flywheel.urdf",
        links=("wheel",),
        joints=(axle,),
        actuators=(replace(motor, joint="axle", limit=20.0, motor=model),),
        joint_offset_rad=(0.0,),
    )


@pytest.fixture(scope="module")
def furuta() -> RobotSpec:
    return load_robot("furuta")


def plant_of(spec: RobotSpec, parameters: dict[str, float], **effects: Any) -> MujocoPlant:
    nominal = nominal_reality(spec)
    reality: Reality = replace(nominal, parameters=nominal.parameters | parameters, **effects)
    return make_plant(spec, reality, np.random.default_rng(0))


def hanging(spec: RobotSpec, parameters: dict[str, float], **effects: Any) -> MujocoPlant:
    """The pendulum at 0.1 rad, nearly frictionless, the arm held by a hundredfold friction."""
    held = {
        "joints.arm.friction": 100.0,
        "joints.pendulum.damping": 0.01,
        "joints.pendulum.friction": 0.01,
        "initial.pendulum.position_rad": 0.1,
    }
    return plant_of(spec, held | parameters, **effects)


def period(plant: MujocoPlant, start_s: float = 0.0) -> float:
    """Mean period of joint 1 over five swings, from interpolated downward zero crossings."""
    plant.advance(start_s)
    crossings: list[float] = []
    time, before, step = start_s, plant.positions()[1], 1e-3
    while len(crossings) < 6:
        plant.advance(step)
        time += step
        after = plant.positions()[1]
        if before > 0 >= after:
            crossings.append(time - step * after / (after - before))
        before = after
    return (crossings[-1] - crossings[0]) / 5


def small_angle_period(inertia: float, moment: float) -> float:
    """T = 2 pi sqrt(I / (m g l)), with the 0.06 % that an amplitude of 0.1 rad adds."""
    return 2 * math.pi * math.sqrt(inertia / (moment * G)) * (1 + 0.1**2 / 16)


def test_the_hanging_pendulum_has_the_period_of_a_rod(furuta: RobotSpec) -> None:
    expected = small_angle_period(INERTIA, MASS * LENGTH / 2)
    assert expected == pytest.approx(0.588, abs=0.001)
    assert period(hanging(furuta, {})) == pytest.approx(expected, rel=2e-3)


def test_mass_leaves_the_period_and_length_takes_its_root(furuta: RobotSpec) -> None:
    nominal = period(hanging(furuta, {}))
    assert period(hanging(furuta, {"links.pendulum.mass": 1.5})) == pytest.approx(nominal, rel=1e-3)
    longer = period(hanging(furuta, {"links.pendulum.length": 1.44}))
    assert longer == pytest.approx(1.2 * nominal, rel=2e-3)


@pytest.mark.parametrize(("distance", "at_s"), [(math.nan, 0.0), (0.05, 0.0), (math.nan, 0.3)])
def test_a_payload_changes_the_period_as_a_point_mass(
    furuta: RobotSpec, distance: float, at_s: float
) -> None:
    mass, reach = 0.01, LENGTH if math.isnan(distance) else distance
    payload = Payload(at_s, "pendulum", mass, distance)
    expected = small_angle_period(INERTIA + mass * reach**2, MASS * LENGTH / 2 + mass * reach)
    plant = hanging(furuta, {}, payloads=(payload,))
    assert period(plant, start_s=at_s + 0.01) == pytest.approx(expected, rel=3e-3)


def test_viscous_damping_shrinks_the_swing_at_its_rate(furuta: RobotSpec) -> None:
    plant = hanging(furuta, {"joints.pendulum.damping": 1.0})
    cycle = period(plant)
    plant = hanging(furuta, {"joints.pendulum.damping": 1.0})
    plant.advance(round(5 * cycle, 3))
    damping = plant.model.dof_damping[1]
    expected = 0.1 * math.exp(-damping / (2 * INERTIA) * 5 * cycle)
    assert plant.positions()[1] == pytest.approx(expected, rel=0.01)
    assert damping == pytest.approx(100 * hanging(furuta, {}).model.dof_damping[1])


def terminal_speed(voltage: float, constant: float = K, resistance: float = R) -> float:
    drive = constant * voltage / resistance - FRICTION
    return drive / (B + constant**2 / resistance)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, terminal_speed(10.0)),
        ({"actuators.motor.supply": 0.9}, terminal_speed(9.0)),
        ({"actuators.motor.torque_constant": 1.2}, terminal_speed(10.0, constant=1.2 * K)),
        ({"actuators.motor.resistance": 0.8}, terminal_speed(10.0, resistance=0.8 * R)),
        # half of the 20 V that are full command: a quarter of the source's resistance
        ({"actuators.motor.source_resistance_ohm": 4.0}, terminal_speed(10.0, resistance=R + 1.0)),
    ],
)
def test_the_motor_runs_at_its_terminal_speed(
    flywheel: RobotSpec, parameters: dict[str, float], expected: float
) -> None:
    plant = plant_of(flywheel, parameters)
    plant.drive(np.array([10.0]), ON)
    plant.advance(3.0)  # seven time constants J / (B + K^2 / R)
    assert plant.velocities()[0] == pytest.approx(expected, rel=2e-3)


def test_the_motor_speeds_up_with_its_time_constant(flywheel: RobotSpec) -> None:
    plant = plant_of(flywheel, {})
    plant.drive(np.array([10.0]), ON)
    plant.advance(0.25)
    share = 1 - math.exp(-0.25 * (B + K**2 / R) / J)
    assert plant.velocities()[0] == pytest.approx(share * terminal_speed(10.0), rel=0.01)


def test_a_change_comes_at_its_time_and_nothing_jumps(flywheel: RobotSpec) -> None:
    change = Change(3.0, "actuators.motor.torque_constant", 0.6)
    plant = plant_of(flywheel, {}, changes=(change,))
    plant.drive(np.array([10.0]), ON)
    plant.advance(2.9995)
    before, angle = plant.velocities()[0], plant.positions()[0]
    plant.advance(0.001)
    assert plant.velocities()[0] == pytest.approx(before, rel=1e-3)
    assert plant.positions()[0] == pytest.approx(angle + 0.001 * before, rel=1e-4)
    plant.advance(5.0)
    assert plant.velocities()[0] == pytest.approx(terminal_speed(10.0, constant=0.6 * K), rel=2e-3)


def stall_voltage(torque_nm: float) -> float:
    return torque_nm * R / K


def test_a_sticking_joint_breaks_away_and_then_keeps_turning(flywheel: RobotSpec) -> None:
    extra = 2e-3
    sticky = {
        "joints.axle.static_friction_nm": extra,
        "joints.axle.stribeck_velocity_rad_s": 0.3,
    }
    between = np.array([stall_voltage(FRICTION + 0.7 * extra)])
    plant = plant_of(flywheel, sticky)
    plant.drive(between, ON)
    plant.advance(1.0)
    assert abs(plant.positions()[0]) < 1e-4, "held by static friction"
    plant.drive(np.array([stall_voltage(FRICTION + 1.5 * extra)]), ON)
    plant.advance(0.3)
    assert plant.velocities()[0] > 1.0, "broken away"
    plant.drive(between, ON)
    plant.advance(1.0)
    assert plant.velocities()[0] > 1.0, "moving friction is smaller"
    smooth = plant_of(flywheel, {})
    smooth.drive(between, ON)
    smooth.advance(1.0)
    assert smooth.velocities()[0] > 1.0, "without stiction the same voltage starts it"


def test_cogging_makes_a_free_wheel_swing(flywheel: RobotSpec) -> None:
    """About an equilibrium, J q'' = -A sin(N q): angular frequency sqrt(A N / J).

    Coulomb friction F takes 2 F / (A N) off each half swing.
    """
    amplitude, periods = 2e-3, 12
    free = {
        "joints.axle.cogging_nm": amplitude,
        "joints.axle.cogging_periods_per_rev": periods,
        "joints.axle.damping": 0.01,
        "joints.axle.friction": 0.01,
        "actuators.motor.torque_constant": 0.01,
        "initial.axle.position_rad": 0.01,
    }
    plant = plant_of(flywheel, free)
    omega = math.sqrt(amplitude * periods / J)
    angles = []
    for _ in range(round(2 * math.pi / omega / 1e-3)):
        plant.advance(1e-3)
        angles.append(plant.positions()[0])
    loss = 2 * 0.01 * FRICTION / (amplitude * periods)
    assert min(angles) == pytest.approx(-0.01 + loss, rel=0.01)
    assert angles[-1] == pytest.approx(0.01 - 2 * loss, rel=0.02)
    assert np.argmin(angles) * 1e-3 == pytest.approx(math.pi / omega, abs=3e-3)


def test_cogging_phase_moves_the_equilibrium(flywheel: RobotSpec) -> None:
    cogs = {"cogging_nm": 5e-3, "cogging_periods_per_rev": 4, "cogging_phase_rad": -0.4}
    effects = {f"joints.axle.{key}": value for key, value in cogs.items()}
    plant = plant_of(flywheel, {"joints.axle.damping": 20.0} | effects)
    plant.advance(2.0)
    # it rests where cogging is below friction: sin(4 q - 0.4) within FRICTION / 5e-3 of 0
    assert abs(math.sin(4 * plant.positions()[0] - 0.4)) < 1.05 * FRICTION / 5e-3


def test_a_motor_warms_up_over_changes_and_is_cold_after_power_up(flywheel: RobotSpec) -> None:
    """Held fast at half of its voltage: x' = (50 K / (1 + a x) - x) / 0.5 s; a change of friction
    at 1 s leaves it warm."""
    warm = {
        "joints.axle.friction": 100.0,
        "actuators.motor.heating_k": 200.0,
        "actuators.motor.heating_s": 0.5,
    }
    plant = plant_of(flywheel, warm, changes=(Change(1.0, "joints.axle.friction", 0.9),))
    excess = [0.0]
    for _ in range(4000):
        x = excess[-1]
        excess.append(x + 5e-4 / 0.5 * (50 / (1 + 0.0039 * x) - x))
    for _ in range(2):
        plant.drive(np.array([10.0]), ON)
        for seconds in (0.9, 1.1):
            plant.advance(seconds)
        torque = float(plant.data.actuator_force[0])
        assert torque == pytest.approx(K * 10 / R / (1 + 0.0039 * excess[-1]), rel=1e-3)
        plant.reset(np.random.default_rng(0))


def test_a_cable_and_a_leaning_base_move_the_rest(furuta: RobotSpec) -> None:
    """The arm in free air leans by the base's tilt; a cable holds against the weight."""
    damped = {"joints.pendulum.damping": 100.0, "joints.pendulum.friction": 0.01}
    lean = {"gravity.tilt_rad": 0.3, "gravity.direction_rad": math.pi / 2}
    plant = hanging(furuta, damped | lean)
    plant.advance(5.0)
    assert plant.positions()[1] == pytest.approx(0.3, abs=0.01)
    weight = MASS * G * LENGTH / 2
    cable = {"joints.pendulum.cable_nm_rad": weight, "joints.pendulum.cable_rest_rad": 1.0}
    plant = hanging(furuta, damped | cable)
    plant.advance(5.0)
    rest = plant.positions()[1]
    assert math.sin(rest) == pytest.approx(1.0 - rest, abs=0.01)


def test_inductance_is_in_the_plant(flywheel: RobotSpec) -> None:
    """The current is 1 - 1/e of its end after L / R."""
    (motor,) = flywheel.actuators
    coil = replace(motor, motor=replace(motor.motor, inductance_h=0.01 * R))
    plant = plant_of(replace(flywheel, actuators=(coil,)), {"joints.axle.friction": 100.0})
    plant.drive(np.array([10.0]), ON)
    plant.advance(0.01)
    share = float(plant.data.act[0]) / (10.0 / R)
    assert share == pytest.approx(1 - math.exp(-1), rel=1e-3)


def test_reset_is_power_up(furuta: RobotSpec) -> None:
    payload = Payload(0.05, "pendulum", 0.01)
    plant = hanging(furuta, {"initial.arm.velocity_rad_s": 0.5}, payloads=(payload,))
    runs = []
    for _ in range(2):
        plant.reset(np.random.default_rng(0))
        assert plant.velocities()[0] == 0.5
        plant.drive(np.array([2.0]), ON)
        plant.advance(0.3)
        runs.append(plant.positions())
    np.testing.assert_array_equal(*runs)


def test_positions_are_copies(furuta: RobotSpec) -> None:
    plant = hanging(furuta, {})
    before = plant.positions()
    plant.advance(0.1)
    assert before[1] == 0.1


def test_the_furuta_folder_still_has_the_numbers_used_here(furuta: RobotSpec) -> None:
    text = Path(furuta.urdf).read_text(encoding="utf-8")
    assert f'mass value="{MASS}"' in text and f'length="{LENGTH}"' in text
